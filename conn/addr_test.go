package conn_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/baton-go/baton/conn"
)

func TestSameAddr(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"10.0.0.1:6379", "10.0.0.1:6379", true},
		{"[::ffff:10.0.0.1]:6379", "10.0.0.1:6379", true},
		{"[::1]:6379", "[0:0::1]:6379", true},
		{"10.0.0.1:6379", "10.0.0.1:6380", false},
		{"10.0.0.1:6379", "10.0.0.2:6379", false},
		{"DB.:6379", "db:6379", true},
		{"db:6379", "db2:6379", false},
		{"db:6379", "10.0.0.1:6379", false},
		{"/run/redis.sock", "/run/redis.sock", true},
		{"/run/redis.sock", "10.0.0.1:6379", false},
		{"", "", true},
	} {
		assert.Equal(t, tt.want, conn.SameAddr(tt.a, tt.b), "%s %s", tt.a, tt.b)
		assert.Equal(t, tt.want, conn.SameAddr(tt.b, tt.a), "%s %s", tt.b, tt.a)
	}
}
