package conn_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/resp3"
)

// slowReader is a server that reads nothing until told, pushes meanwhile, and then answers each command with its second word.
// It notes those words in the order in which they come.
func slowReader(t *testing.T) (b *bare, read chan struct{}, seen *[]string) {
	read, seen = make(chan struct{}), new([]string)
	b = newBare(t, func(nc net.Conn, commands *resp3.Reader) {
		for waiting := true; waiting; {
			select {
			case <-read:
				waiting = false
			case <-time.After(200 * time.Millisecond):
				if _, err := nc.Write([]byte(">1\r\n+x\r\n")); err != nil {
					return
				}
			}
		}
		for {
			v, err := commands.ReadValue()
			if err != nil {
				return
			}
			word, _ := v.Index(1).Text()
			*seen = append(*seen, word)
			nc.Write(resp3.AppendBulkString(nil, word))
		}
	})
	return b, read, seen
}

func TestWhatWaitsToBeWrittenIsBounded(t *testing.T) { // H-116
	synctest.Test(t, func(t *testing.T) {
		b, read, seen := slowReader(t)
		const size, limit = 100_000, 1_000_000
		b.cfg.MaxPending = limit
		c := b.dial(t)
		defer b.close(c)
		payload := strings.Repeat("p", size)
		type result struct {
			asked, got string
			err        error
		}
		results := make(chan result)
		for i := range 100 {
			go func() {
				ctx, cancel := context.Background(), func() {}
				if i%3 == 0 { // given up while it waits in the queue
					ctx, cancel = context.WithTimeout(ctx, 5*time.Second)
				}
				defer cancel()
				asked := fmt.Sprint(i)
				got, err := b.ask(ctx, c, 0, "SET", asked, payload)
				results <- result{asked, got, err}
			}()
			synctest.Wait()
		}
		accepted := 100
		for range 91 {
			r := <-results
			require.ErrorIs(t, r.err, conn.ErrBacklog)
			var e *conn.Error
			require.ErrorAs(t, r.err, &e)
			assert.False(t, e.Sent)
			assert.Regexp(t, `: 9\d{5} bytes, the call has 1000\d\d, limit 1000000$`, r.err.Error())
			accepted--
		}
		assert.Equal(t, 9, accepted)
		assert.Equal(t, 9, c.Owes(), "the refused ones leave no trace")
		<-time.After(10 * time.Second)
		require.NoError(t, c.Err())
		close(read)
		for range accepted {
			if r := <-results; r.err == nil {
				assert.Equal(t, r.asked, r.got, "everybody has the own reply")
			} else {
				assert.ErrorIs(t, r.err, context.DeadlineExceeded)
			}
		}
		got, err := b.ask(t.Context(), c, time.Second, "GET", "behind")
		require.NoError(t, err, "there is room again")
		assert.Equal(t, "behind", got)
		assert.Equal(t, []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "behind"}, *seen, "in their order, none is lost")
	})
}

// The server takes no more than fits into buffers, however long it goes on.
func TestServerThatStopsReadingCostsBoundedMemory(t *testing.T) { // H-116
	synctest.Test(t, func(t *testing.T) {
		b, _, _ := slowReader(t)
		const limit = 1 << 20
		b.cfg.MaxPending = limit
		c := b.dial(t)
		defer b.close(c)
		taken, refused := 0, 0
		for range 2000 {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			_, err := b.ask(ctx, c, 0, "SET", "k", strings.Repeat("p", 10_000))
			cancel()
			if errors.Is(err, conn.ErrBacklog) {
				refused++
				continue
			}
			require.ErrorIs(t, err, context.DeadlineExceeded)
			taken += 10_000
		}
		assert.LessOrEqual(t, taken, limit+200_000, "the limit, and the buffers of the socket")
		assert.Greater(t, refused, 1800)
	})
}

func TestCallAboveTheLimitIsTakenAlone(t *testing.T) { // H-116
	synctest.Test(t, func(t *testing.T) {
		b, read, seen := slowReader(t)
		b.cfg.MaxPending = 1000
		c := b.dial(t)
		defer b.close(c)
		large := make(chan error, 1)
		go func() {
			_, err := b.ask(t.Context(), c, 0, "SET", "large", strings.Repeat("p", 500_000))
			large <- err
		}()
		synctest.Wait()
		_, err := b.ask(t.Context(), c, 0, "GET", "small")
		assert.ErrorIs(t, err, conn.ErrBacklog, "what is being written counts")
		close(read)
		require.NoError(t, <-large)
		got, err := b.ask(t.Context(), c, 0, "GET", "small")
		require.NoError(t, err)
		assert.Equal(t, "small", got)
		assert.Equal(t, []string{"large", "small"}, *seen)
	})
}

// Interleaving: the reply comes before the writer has returned from its write. Nothing waits any more, so nothing is refused.
func TestRepliesThatOvertakeTheWriterMakeRoom(t *testing.T) { // H-116
	synctest.Test(t, func(t *testing.T) {
		b, read, _ := slowReader(t)
		b.cfg.MaxPending = 1000
		dial := b.cfg.Dial
		b.cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := dial(ctx, network, addr)
			return slowToReturn{nc}, err
		}
		close(read)
		c := b.dial(t)
		defer b.close(c)
		for range 2 {
			_, err := b.ask(t.Context(), c, 0, "SET", "large", strings.Repeat("p", 500_000))
			require.NoError(t, err)
		}
	})
}

// slowToReturn returns from a write long after the socket has taken the bytes.
type slowToReturn struct{ net.Conn }

func (c slowToReturn) Write(b []byte) (int, error) {
	defer func() { <-time.After(time.Second) }()
	return c.Conn.Write(b)
}

func TestWithoutALimitEverythingWaits(t *testing.T) { // H-116, the control
	synctest.Test(t, func(t *testing.T) {
		b, read, _ := slowReader(t)
		c := b.dial(t)
		defer b.close(c)
		errs := make(chan error, 50)
		for range cap(errs) {
			go func() {
				_, err := b.ask(t.Context(), c, 0, "SET", "k", strings.Repeat("p", 100_000))
				errs <- err
			}()
		}
		synctest.Wait()
		assert.Equal(t, 50, c.Owes())
		close(read)
		for range cap(errs) {
			require.NoError(t, <-errs)
		}
	})
}

// A call that was refused can be made again, on a pin too.
func TestRefusedCallCanBeMadeAgain(t *testing.T) { // H-116
	synctest.Test(t, func(t *testing.T) {
		b, read, _ := slowReader(t)
		b.cfg.MaxPending = 1000
		c := b.dial(t)
		defer b.close(c)
		pin := c.Pin()
		defer pin.Unpin()
		go b.ask(t.Context(), c, 0, "SET", "large", strings.Repeat("p", 500_000))
		synctest.Wait()
		q := b.cfg.NewCall()
		defer q.Free()
		q.Mode, q.Dst = conn.AppendText, []byte("> ")
		q.Req = resp3.AppendCommand(q.Req, "GET", "again")
		require.ErrorIs(t, pin.Do(t.Context(), q), conn.ErrBacklog)
		require.ErrorIs(t, c.Do(t.Context(), q), conn.ErrBacklog)
		close(read)
		synctest.Wait()
		require.NoError(t, pin.Do(t.Context(), q))
		assert.Equal(t, "> again", string(q.Dst))
	})
}
