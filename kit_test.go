package baton_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff/handofftest"
)

// Clients in auto mode ask only what calls itself redis. A proxy of the kit has the feature whatever is behind it, so it says
// that; who gives it another name is told why nothing comes.
func TestProxyOfTheKitTellsOfMaintenanceWhateverIsBehindIt(t *testing.T) {
	_, backend := newLoopback(t, handofftest.Options{ServerName: "valkey", ServerVersion: "8.1.1", Maintenance: handofftest.MaintenanceUnknown})
	for _, name := range []string{"", "valkey"} {
		srv, node := newLoopback(t, handofftest.Options{Backend: backend.Addr(), ServerName: name})
		c := open(t, baton.Options{Addr: node.Addr()})
		_, err := c.Set(t.Context(), "k", "v")
		require.NoError(t, err)
		node.Moving(time.Hour, "127.0.0.1:1")
		if name == "" {
			assert.NoError(t, srv.CheckOptIn())
			assert.EqualValues(t, 1, node.Stats().Pushes)
			continue
		}
		assert.ErrorContains(t, srv.CheckOptIn(), `HELLO names the server "valkey"`)
		assert.Zero(t, node.Stats().Pushes)
	}
}
