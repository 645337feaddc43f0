package pubsub

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/resp3"
)

// pushRig is a subscription whose connection brings what a test reads from a stream.
func pushRig(o Options) (*Subscription, *subConn, *[]string) {
	s := newSubscription(Wiring{}, o, "SUBSCRIBE", []string{"c"})
	var others []string
	c := &subConn{s: s, unsubscribed: make(chan resubscription, 1), cfg: &conn.Config{
		OnPush: func(_ *conn.Conn, peer string, v resp3.Value) { others = append(others, peer+" "+v.String()) },
	}}
	s.serving = c
	return s, c, &others
}

// frames returns what a Reader finds in stream, which is one read.
func frames(t *testing.T, stream string) (all []resp3.Frame) {
	r := resp3.NewReader(strings.NewReader(stream), resp3.Limits{})
	f, err := r.Next()
	for ok := true; ok; f, ok, err = r.Buffered() {
		require.NoError(t, err)
		all = append(all, f)
	}
	return all
}

func message(kind, channel, payload string) string {
	return fmt.Sprintf(">3\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(kind), kind, len(channel), channel, len(payload), payload)
}

// Pushes that were read together come in order, whatever stands between them and however they are spelled.
func TestPushesThatCameTogether(t *testing.T) {
	s, c, others := pushRig(Options{Buffer: 64})
	c.confirmed = map[string]bool{}
	long := strings.Repeat("l", 2*sharedText)
	c.push(nil, "peer", frames(t, strings.Join([]string{
		message("message", "c", "1"), message("smessage", "s", "2"),
		">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n",
		">4\r\n+pmessage\r\n$1\r\n*\r\n$1\r\nc\r\n:3\r\n",                 // other kinds of text
		"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n4\r\n",                   // RESP2
		"|1\r\n+ttl\r\n:3\r\n" + message("message", "c", "5"),             // with an attribute
		">2\r\n$7\r\nmessage\r\n$1\r\nc\r\n", message("message", "c", ""), // not a message; an empty one
		">4\r\n$6\r\nMOVING\r\n:1\r\n:15\r\n_\r\n",
		message("message", "c", long), message("sunsubscribe", "c", "0"), message("message", "d", "6"),
	}, "")))
	var got []Message
	for m, ok := s.queue.take(); ok; m, ok = s.queue.take() {
		got = append(got, m)
	}
	assert.Equal(t, []Message{
		{Channel: "c", Payload: "1"}, {Channel: "s", Payload: "2", Shard: true}, {Channel: "c", Pattern: "*", Payload: "3"},
		{Channel: "c", Payload: "4"}, {Channel: "c", Payload: "5"}, {Channel: "c"}, {Channel: "c", Payload: long}, {Channel: "d", Payload: "6"},
	}, got)
	assert.Equal(t, map[string]bool{"c": true}, c.confirmed)
	assert.Equal(t, "c", (<-c.unsubscribed).channel)
	require.Len(t, *others, 1)
	assert.Contains(t, (*others)[0], "peer")
	assert.Empty(t, c.together)
}

// A reader that waits for room has handed on all before, and goes on where it stopped.
func TestPushesThatCameTogetherWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, _ := pushRig(Options{Buffer: 2})
		var stream, want string
		for i := range 9 {
			stream, want = stream+message("message", "c", fmt.Sprint(i)), want+fmt.Sprint(i)
		}
		pushed := false
		go func() {
			c.push(&conn.Conn{}, "", frames(t, stream))
			pushed = true
		}()
		synctest.Wait()
		assert.False(t, pushed)
		assert.Equal(t, 2, s.queue.len())
		got := ""
		for m := range s.All(t.Context()) {
			if got += m.Payload; len(got) == len(want) {
				break
			}
			synctest.Wait()
			assert.LessOrEqual(t, s.queue.len(), 2)
		}
		synctest.Wait()
		assert.Equal(t, want, got)
		assert.True(t, pushed)
		assert.Len(t, s.history.channels[channelKey{channel: "c"}].hashes, 9, "each is remembered once")
	})
}

// Small messages share blocks of sharedText bytes, so that a message that is kept keeps little; long ones do not share.
func TestMessagesShareBlocks(t *testing.T) {
	s, c, _ := pushRig(Options{Buffer: 1024})
	const n = 60
	small, long := message("message", "c", strings.Repeat("m", 64)), message("message", "c", strings.Repeat("l", sharedText/4))
	all := frames(t, strings.Repeat(small, n))
	drain := func() (last Message) {
		for m, ok := s.queue.take(); ok; m, ok = s.queue.take() {
			last = m
		}
		return last
	}
	c.push(nil, "", all)
	drain()
	blocks := (n*len(small) + sharedText - 1) / sharedText
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { c.push(nil, "", all); drain() }), float64(blocks+1))

	c.block.Reset()
	c.push(nil, "", frames(t, small+long+small))
	first, _ := s.queue.take()
	second, _ := s.queue.take()
	third, _ := s.queue.take()
	apart := func(a, b string) uintptr {
		return max(uintptr(unsafe.Pointer(unsafe.StringData(a))), uintptr(unsafe.Pointer(unsafe.StringData(b)))) -
			min(uintptr(unsafe.Pointer(unsafe.StringData(a))), uintptr(unsafe.Pointer(unsafe.StringData(b))))
	}
	assert.EqualValues(t, len(small), apart(first.Payload, third.Payload), "side by side in one block")
	assert.Greater(t, int(apart(first.Payload, second.Payload)), len(small))
}
