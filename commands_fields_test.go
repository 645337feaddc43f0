package baton_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/internal/redistest"
)

// A server before Redis 7.4 says that it does not know the command, and so does Valkey before 9.
func TestFieldExpiryAsAServerAnswersIt(t *testing.T) {
	c, ctx := open(t, baton.Options{Addr: redistest.Start(t)}), t.Context()
	_, err := c.HExpire(ctx, "none", time.Minute, []string{"f"})
	if err != nil && strings.Contains(err.Error(), "unknown command") {
		return
	}
	for _, x := range []struct {
		key, field string
		ttl        time.Duration
		opts       []baton.ExpireOption
		want       []int64
		err        string
	}{
		{"h", "f", time.Minute, nil, []int64{1}, ""},
		{"h", "f", 1500 * time.Millisecond, nil, []int64{1}, ""},
		{"h", "f", time.Minute, []baton.ExpireOption{baton.ExpireNX}, []int64{0}, ""},
		{"h", "none", time.Minute, nil, []int64{-2}, ""},
		{"none", "f", time.Minute, nil, []int64{-2}, ""},
		{"h", "f", -time.Second, nil, nil, "invalid expire time, must be >= 0"},
		{"h", "f", -1500 * time.Millisecond, nil, nil, "invalid expire time, must be >= 0"},
		{"h", "f", 0, nil, []int64{2}, ""},
		{"h", "f", 0, nil, []int64{-2}, ""},
	} {
		if x.want == nil || x.want[0] != -2 {
			_, err := c.HSet(ctx, "h", "f", "v", "g", "w")
			require.NoError(t, err)
			if len(x.opts) > 0 {
				_, err = c.HExpire(ctx, "h", time.Hour, []string{"f"})
				require.NoError(t, err)
			}
		}
		got, err := c.HExpire(ctx, x.key, x.ttl, []string{x.field}, x.opts...)
		if x.err != "" {
			assert.ErrorContains(t, err, x.err, "%+v", x)
			continue
		}
		assert.NoError(t, err, "%+v", x)
		assert.Equal(t, x.want, got, "%+v", x)
	}
}
