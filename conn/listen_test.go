package conn_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/baton-go/baton/handoff/handofftest"
)

func TestListenHearsPushesRightAfterAReply(t *testing.T) {
	for _, listen := range []bool{true, false} { // the second is the control
		t.Run(fmt.Sprint(listen), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, handofftest.Options{})
				w.cfg.Listen = listen
				c := w.dial()
				defer w.close(c)
				late := 0
				for i := range 20 {
					w.want(c, "PONG", "PING")
					w.a.Push([]byte(">1\r\n$5\r\nhello\r\n"))
					synctest.Wait()
					if len(w.heard()) <= i {
						late++
						<-time.After(100 * time.Millisecond)
						assert.Len(t, w.heard(), i+1, "idle is not deaf")
					}
				}
				if listen {
					assert.Zero(t, late)
					return
				}
				assert.Positive(t, late)
			})
		})
	}
}

func TestListenLeavesCallersTheirContextsAndTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, handofftest.Options{})
		w.cfg.Listen = true
		c := w.dial()
		defer w.close(c)
		w.a.Stall(true)
		var outs []<-chan outcome
		for range 5 {
			outs = append(outs, w.later(t.Context(), c, "PING"))
		}
		<-time.After(time.Second)
		w.a.Stall(false)
		for _, o := range outs {
			assert.Equal(t, "PONG", (<-o).text)
		}
		w.a.Stall(true)
		o := <-w.later(t.Context(), c, "PING")
		assert.Error(t, o.err)
		assert.LessOrEqual(t, o.took, w.timeout+250*time.Millisecond)
		<-c.Done()
	})
}
