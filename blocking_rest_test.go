package baton

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/baton-go/baton/conn"
)

// Interleaving: the wait of a command ends just before it is issued again. The rest that is sent is the rest that the timeouts are
// made of: if it were computed a second time it would be 0, which stands for ever, and the call would have no timeout.
func TestWaitThatEndsAsItIsEncodedKeepsItsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, q := waitingOf([]string{"BLPOP", "list", "1"}), &conn.Call{}
		assert.Equal(t, time.Second, w.encode(q))
		time.Sleep(400 * time.Millisecond)
		assert.Equal(t, 600*time.Millisecond, w.encode(q))
		assert.Contains(t, string(q.Req), "\r\n0.6\r\n")
		assert.False(t, w.over())
		time.Sleep(600 * time.Millisecond)
		for range 2 {
			assert.True(t, w.over())
			assert.Equal(t, time.Millisecond, w.encode(q))
			assert.Contains(t, string(q.Req), "\r\n0.001\r\n")
			time.Sleep(time.Minute)
		}
		forever := waitingOf([]string{"BLPOP", "list", "0"})
		assert.Zero(t, forever.encode(q))
		assert.False(t, forever.over())
	})
}

// Interleaving: the reply comes, and with it a reason to unblock the command: its timer has just fired, say, and could not be
// stopped. The caller has returned, so nothing may begin for it, neither now nor when another reason comes.
func TestReasonThatComesWithTheReplyStartsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &unblocker{}
		u.begun.Do(func() {}) // as do does when it has the reply
		for range 2 {
			u.start()
			synctest.Wait()
		}
		assert.Nil(t, u.replied)
	})
}
