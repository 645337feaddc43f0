package baton_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff"
)

// A read without an end has the loosest timeout there is: relaxing must not replace it by ten seconds.
func TestBlockingReadOutlivesMaintenance(t *testing.T) { // H-01
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{})
		defer c.Close()
		type popped struct {
			list []string
			err  error
		}
		got := make(chan popped, 1)
		go func() {
			list, err := baton.As[[]string](c.Do(t.Context(), "BLPOP", "queue", "0"))
			got <- popped{list, err}
		}()
		<-time.After(time.Second)
		p.Server.Migrating(0)
		<-time.After(15 * time.Second)
		p.Server.Migrated()
		<-time.After(15 * time.Second)
		select {
		case r := <-got:
			t.Fatalf("it ended: %v", r)
		default:
		}
		_, err := c.Do(t.Context(), "RPUSH", "queue", "x")
		require.NoError(t, err)
		r := <-got
		require.NoError(t, r.err)
		assert.Equal(t, []string{"queue", "x"}, r.list)
		require.NoError(t, p.Server.CheckOptIn())
	})
}

// Looser of the two, where none is the loosest.
func TestRelaxingNeverShortensATimeout(t *testing.T) { // H-03, H-08
	for name, x := range map[string]struct {
		configured, reply time.Duration
		fails             bool
	}{
		"longer than relaxed":              {30 * time.Second, 15 * time.Second, false},
		"none":                             {-1, 5 * time.Minute, false},
		"shorter: relaxed counts":          {time.Second, 9 * time.Second, false},
		"control: relaxed is no new limit": {time.Second, 11 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				c := p.client(baton.Options{ReadTimeout: x.configured, Retry: baton.RetryPolicy{Max: -1}})
				defer c.Close()
				p.Server.FailingOver(0)
				p.A.Delay(x.reply)
				_, err := c.Incr(t.Context(), "n")
				assert.Equal(t, x.fails, err != nil, "%v", err)
			})
		})
	}
}

// The closing is lost: after the cap a dead peer is found as fast as before.
func TestUsualTimeoutIsBackAfterTheCap(t *testing.T) { // H-04
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{})
		defer c.Close()
		p.Server.Migrating(2 * time.Second)
		p.A.Stall(true)
		for _, x := range []struct{ after, timeout time.Duration }{{40 * time.Second, 10 * time.Second}, {22 * time.Second, 3 * time.Second}} {
			<-time.After(x.after)
			begun := time.Now()
			_, err := c.Incr(t.Context(), "n")
			var oe *baton.OpError
			require.ErrorAs(t, err, &oe)
			assert.True(t, oe.Timeout())
			assert.InDelta(t, x.timeout, time.Since(begun), float64(300*time.Millisecond))
		}
	})
}

// Dials and set-ups in a window have the relaxed timeout too, and so has the wait for them.
func TestSlowSetUpInAWindowIsWaitedFor(t *testing.T) {
	for _, announced := range []bool{true, false} { // the second is the control
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t)
			c := p.client(baton.Options{})
			defer c.Close()
			if announced {
				p.Server.FailingOver(0)
			}
			<-time.After(time.Second)
			p.A.Kill()
			require.NoError(t, p.A.Reopen())
			p.A.Delay(7 * time.Second) // longer than the timeout of a dial, and than that of a wait
			time.AfterFunc(8*time.Second, func() { p.A.Delay(0) })
			_, err := c.Incr(t.Context(), "n")
			assert.Equal(t, announced, err == nil, "%v", err)
		})
	}
}

// Pushes are no progress of a command that gets no reply.
func TestPushesDoNotKeepADeadCommandAlive(t *testing.T) { // H-12, H-64
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{})
		defer c.Close()
		p.A.Stall(true)
		ctx, stop := context.WithCancel(t.Context())
		var pushing sync.WaitGroup
		defer pushing.Wait()
		defer stop()
		pushing.Go(func() {
			for ctx.Err() == nil {
				p.A.Push([]byte(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n"))
				<-time.After(50 * time.Millisecond)
			}
		})
		begun := time.Now()
		_, err := c.Incr(t.Context(), "n")
		assert.ErrorIs(t, err, conn.ErrTimeout)
		assert.InDelta(t, 3*time.Second, time.Since(begun), float64(200*time.Millisecond))
	})
}

// Maintenance that ends a command stands in its error.
func TestErrorNamesTheMaintenance(t *testing.T) { // H-55
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{Retry: baton.RetryPolicy{Max: -1}})
		defer c.Close()
		p.A.Stall(true)
		p.B.Refuse()
		failed := make(chan error, 1)
		go func() { _, err := c.Incr(t.Context(), "n"); failed <- err }()
		<-time.After(10 * time.Millisecond)
		p.A.Moving(2*time.Second, p.B.Addr())
		<-time.After(2500 * time.Millisecond)
		p.A.Kill()
		var oe *baton.OpError
		err := <-failed
		require.ErrorAs(t, err, &oe)
		assert.Equal(t, handoff.Moving, oe.Phase)
		assert.True(t, oe.Sent)
		assert.Contains(t, err.Error(), "during MOVING")
	})
}

// The report counts what commands went through.
func TestReportCountsTheClientsCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.client(baton.Options{})
		defer c.Close()
		_, _ = c.Incr(t.Context(), "n") // before
		p.Server.FailingOver(0)
		synctest.Wait()
		p.A.Delay(5 * time.Second)
		_, err := c.Incr(t.Context(), "n")
		require.NoError(t, err)
		p.A.Delay(0)
		_, err = c.Get(t.Context(), "none") // an answer is no error
		require.ErrorIs(t, err, baton.Nil)
		p.A.Stall(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = c.Get(ctx, "n")
		require.Error(t, err)
		gone, give := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, give)
		_, err = c.Get(gone, "n") // the caller's own wish is no error
		require.ErrorIs(t, err, context.Canceled)
		p.A.Stall(false)
		p.Server.FailedOver()
		<-time.After(time.Second)
		_, _ = c.Incr(t.Context(), "n") // behind
		rs := c.Handoffs().Reports()
		require.Len(t, rs, 1)
		r := rs[0]
		assert.Equal(t, []any{handoff.FailingOver, int64(4), int64(1), int64(2), int64(1)}, []any{r.Kind, r.Commands, r.Errors, r.Delayed, r.Rescued})
		assert.InDelta(t, 5*time.Second, r.Max, float64(100*time.Millisecond))
		assert.False(t, r.Ended.IsZero())
	})
}
