package conn_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/resp3"
)

func TestListenHearsPushesRightAfterAReply(t *testing.T) {
	for _, listen := range []bool{true, false} { // the second is the control
		t.Run(fmt.Sprint(listen), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				p.cfg.Listen = listen
				c := p.dial()
				late := 0
				for i := range 20 {
					p.want(c, "PONG", "PING")
					p.A.Push([]byte(">1\r\n$5\r\nhello\r\n"))
					synctest.Wait()
					if len(p.heard()) <= i {
						late++
						<-time.After(100 * time.Millisecond)
						assert.Len(t, p.heard(), i+1, "idle is not deaf")
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
		p := newPair(t)
		p.cfg.Listen = true
		c := p.dial()
		p.A.Stall(true)
		var outs []<-chan outcome
		for range 5 {
			outs = append(outs, p.later(t.Context(), c, "PING"))
		}
		<-time.After(time.Second)
		p.A.Stall(false)
		for _, o := range outs {
			assert.Equal(t, "PONG", (<-o).text)
		}
		p.A.Stall(true)
		o := <-p.later(t.Context(), c, "PING")
		assert.Error(t, o.err)
		assert.LessOrEqual(t, o.took, p.timeout+250*time.Millisecond)
		<-c.Done()
	})
}

// An array that looks like a message is one only on a connection that is there for its pushes.
func TestArraysOfRESP2AreMessagesWherePushesAreWanted(t *testing.T) { // H-142
	for _, x := range []struct {
		array string
		push  bool
	}{
		{"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n", true}, {"*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$1\r\nc\r\n$0\r\n\r\n", true},
		{"*3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$1\r\nx\r\n", true}, {"*3\r\n$12\r\nsunsubscribe\r\n$-1\r\n:0\r\n", true},
		{"*2\r\n$4\r\npong\r\n$0\r\n\r\n", false}, {"*2\r\n$7\r\nmessage\r\n$1\r\nc\r\n", false}, {"*0\r\n", false}, {"*-1\r\n", false},
		{"*3\r\n$7\r\nMessage\r\n$1\r\nc\r\n$1\r\nx\r\n", false}, {"*3\r\n:7\r\n$7\r\nmessage\r\n$1\r\nx\r\n", false},
	} {
		for _, listen := range []bool{true, false} {
			for _, slow := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					p := newPair(t, handofftest.Options{ByteByByte: slow, Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
						return []byte(x.array + "+behind\r\n"), string(args[0]) == "ASK"
					}})
					p.cfg.Listen, p.cfg.Protocol = listen, 2
					c := p.dial()
					q := p.cfg.NewCall()
					defer q.Free()
					q.Mode, q.Req, q.Timeout = conn.Raw, resp3.AppendCommand(q.Req, "ASK"), time.Second
					q.Replies = 2
					if listen && x.push {
						q.Replies = 1
					}
					assert.NoError(t, c.Do(t.Context(), q))
					if listen && x.push {
						assert.Equal(t, "+behind\r\n", string(q.Rep))
						assert.Len(t, p.heard(), 1)
						return
					}
					assert.Equal(t, x.array+"+behind\r\n", string(q.Rep))
					assert.Empty(t, p.heard())
				})
			}
		}
	}
}
