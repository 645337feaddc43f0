package baton

import (
	"hash/maphash"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/baton-go/baton/conn"
)

// The reply to EXEC is that of the whole transaction: a large one says nothing about other transactions.
func TestLargeTransactionIsKnownByItsFirstCommands(t *testing.T) {
	transaction := func(key string) *conn.Call {
		return &conn.Call{Req: []byte(multi + "*2\r\n$3\r\nGET\r\n$1\r\n" + key + "\r\n" + exec), Replies: 3, Ends: []int{5, 14, 14 + largeReply}}
	}
	replies := &largeReplies{seed: maphash.MakeSeed()}
	q := transaction("a")
	q.Rep = make([]byte, 14+largeReply)
	replies.learn(q)
	assert.True(t, replies.expects(transaction("a")))
	assert.False(t, replies.expects(transaction("b")))
}
