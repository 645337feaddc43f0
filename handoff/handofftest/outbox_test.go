package handofftest

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
)

// Replies to commands that came together leave together, however late the writer begins: taken as soon as there were any, a
// set-up was answered in two segments now and then, and a surplus reply at its end came after the client had made its choice.
func TestRepliesLeaveWithTheirFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox()
		sent := make(chan string)
		go func() {
			defer close(sent)
			for {
				b, _, ok := o.take(nil)
				if !ok {
					return
				}
				sent <- string(b)
			}
		}()
		o.reply([]byte("a"))
		o.wake()
		synctest.Wait()
		select {
		case b := <-sent:
			t.Errorf("%q was sent before it was flushed", b)
		default:
		}
		o.reply([]byte("b"))
		o.flush()
		o.reply([]byte("c"))
		assert.Equal(t, "ab", <-sent)
		o.push([]byte("d"), 0)
		assert.Equal(t, "cd", <-sent)
		o.reply([]byte("e"))
		o.end()
		assert.Equal(t, "e", <-sent, "the last words")
		assert.Empty(t, <-sent)
	})
}
