package baton

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestShunnedPeersComeLastForAWhile(t *testing.T) {
	var s shunned
	now := time.Unix(1000, 0)
	abc := []string{"10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"}
	assert.False(t, s.any(now))
	assert.Equal(t, abc, s.order(abc, now))
	assert.True(t, s.add("10.0.0.1:1", now))
	assert.False(t, s.add("[::ffff:10.0.0.1]:1", now), "the same address")
	assert.Equal(t, []string{"10.0.0.2:1", "10.0.0.3:1", "10.0.0.1:1"}, s.order(abc, now))
	now = now.Add(time.Second)
	assert.True(t, s.add("10.0.0.3:1", now))
	assert.True(t, s.add("10.0.0.2:1", now))
	assert.Equal(t, []string{"10.0.0.1:1", "10.0.0.3:1", "10.0.0.2:1"}, s.order(abc, now), "longest ago first")
	assert.False(t, s.add("10.0.0.1:1", now))
	assert.Equal(t, []string{"10.0.0.3:1", "10.0.0.2:1", "10.0.0.1:1"}, s.order(abc, now))
	now = now.Add(shunTime)
	assert.Equal(t, abc, s.order(abc, now))
	assert.False(t, s.any(now))
	for i := range 100 {
		assert.Equal(t, i < maxShunned, s.add(fmt.Sprintf("10.0.1.%d:1", i), now))
	}
	assert.Len(t, s.peers, maxShunned)
}

func TestRedirectionToItself(t *testing.T) {
	for _, tt := range []struct {
		said, peer, configured string
		want                   bool
	}{
		{"1 10.0.0.1:6379", "10.0.0.1:6379", "db:6379", true},
		{"1 [::ffff:10.0.0.1]:6379", "10.0.0.1:6379", "db:6379", true},
		{"1 10.0.0.1:6380", "10.0.0.1:6379", "db:6379", false},
		{"1 10.0.0.2:6379", "10.0.0.1:6379", "db:6379", false},
		{"1 DB.:6379", "10.0.0.1:6379", "db:6379", true},
		{"1 db:6380", "10.0.0.1:6379", "db:6379", false},
		{"1 :6379", "10.0.0.1:6379", "db:6379", true},
		{"1 ?:6379", "10.0.0.1:6379", "db:6379", true},
		{"1 :6380", "10.0.0.1:6379", "db:6379", false},
		{"1 ::1:6379", "[::1]:6379", "db:6379", true},
		{"1 [::1]:6379", "[::1]:6379", "db:6379", true},
		{"1 fe80::1:6379", "[::1]:6379", "db:6379", false},
		{"1  10.0.0.1:6379 more", "10.0.0.1:6379", "db:6379", true},
		{"1 :6379", "/run/redis.sock", "/run/redis.sock", true},
		{"1 10.0.0.1:6379", "/run/redis.sock", "/run/redis.sock", false},
		{"1", "10.0.0.1:6379", "db:6379", false},
		{"", "10.0.0.1:6379", "db:6379", false},
		{"10.0.0.1:6379", "10.0.0.1:6379", "db:6379", false},
		{"1 :", "10.0.0.1:6379", "db:6379", false},
	} {
		assert.Equal(t, tt.want, toItself(tt.said, tt.peer, tt.configured), tt.said)
	}
}

func TestEveryStateLeavesAChance(t *testing.T) {
	for code, s := range states {
		assert.NotEqual(t, none, s.chance, code)
	}
}
