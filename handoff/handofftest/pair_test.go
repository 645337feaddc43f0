package handofftest_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/handoff/handofftest"
)

// recorder is a test that NewPair can be called by, and whose end is called by hand.
type recorder struct {
	cleanups []func()
	fatal    string
}

func (r *recorder) Helper()          {}
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Fatalf(format string, args ...any) {
	r.fatal = fmt.Sprintf(format, args...)
}

func (r *recorder) end() {
	for _, f := range r.cleanups {
		f()
	}
}

func TestPairServesAtTwoAddressesUntilTheTestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		p := handofftest.NewPair(r, handofftest.Options{Password: "secret"})
		require.Empty(t, r.fatal)
		require.Equal(t, []*handofftest.Node{p.A, p.B}, p.Server.Nodes())
		for _, addr := range []string{handofftest.PairA, handofftest.PairB, handofftest.PairName + ":6379"} {
			c, err := p.Network.DialContext(t.Context(), "tcp", addr)
			require.NoError(t, err)
			_, err = c.Write([]byte("PING\r\n*1\r\n$4\r\nPING\r\n"))
			require.NoError(t, err)
			require.NoError(t, c.Close())
		}
		synctest.Wait()
		assert.EqualValues(t, 2, p.A.Stats().Accepted, "A, and the name that leads to it")
		assert.EqualValues(t, 1, p.B.Stats().Accepted)

		r.end()
		_, err := p.Network.DialContext(t.Context(), "tcp", handofftest.PairA)
		require.Error(t, err, "closed with the test")
	})
}
