package baton_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/resp3"
)

// oddReplies are legal replies of every kind. For each method nearly all are of a kind that no server answers.
var oddReplies = []string{
	"+OK\r\n", "+QUEUED\r\n", ":5\r\n", ":-7\r\n", "$3\r\nfoo\r\n", "$0\r\n\r\n", "$1\r\n9\r\n", "_\r\n", "$-1\r\n", "*-1\r\n",
	"-WRONGTYPE x\r\n", "!5\r\nERR x\r\n", "*0\r\n", "%0\r\n", "*1\r\n$1\r\na\r\n", "*3\r\n:1\r\n$1\r\na\r\n_\r\n", "*2\r\n-ERR in\r\n:1\r\n",
	"*1\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n", "*2\r\n*0\r\n*0\r\n", "%1\r\n$1\r\na\r\n$1\r\nb\r\n", "%1\r\n$1\r\na\r\n-ERR in\r\n", "%1\r\n%0\r\n*0\r\n",
	"~2\r\n$1\r\na\r\n$1\r\nb\r\n", ",1.5\r\n", ",inf\r\n", ",1e300\r\n", "#t\r\n", "#f\r\n", "(123456789012345678901234567890\r\n",
	"=7\r\ntxt:abc\r\n", "|1\r\n+a\r\n+b\r\n:5\r\n", "*2\r\n|1\r\n+a\r\n+b\r\n:5\r\n$1\r\nx\r\n", "$20\r\n12345678901234567890\r\n",
	"$?\r\n;2\r\nab\r\n;0\r\n", "*2\r\n_\r\n_\r\n", "*2\r\n:1\r\n:2\r\n", "*4\r\n:1\r\n_\r\n_\r\n_\r\n", "*?\r\n:1\r\n:2\r\n.\r\n", "%?\r\n+a\r\n:2\r\n.\r\n",
	"$20000\r\n" + strings.Repeat("x", 20000) + "\r\n", "!20000\r\n" + strings.Repeat("x", 20000) + "\r\n",
	"=20004\r\ntxt:" + strings.Repeat("v", 20000) + "\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
}

// The connection stays in step or is closed, whatever a server answers to a command. A client and a pipeline, which read replies in two
// ways, make the same of it.
func TestEveryMethodTakesEveryReply(t *testing.T) {
	synctest.Test(t, everyMethodTakesEveryReply) // a client that has to dial again and again waits in between
}

func everyMethodTakesEveryReply(t *testing.T) {
	var reply atomic.Pointer[string]
	p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
		switch name := strings.ToUpper(string(args[0])); {
		case reply.Load() == nil, name == "HELLO", name == "CLIENT" && !strings.EqualFold(string(args[1]), "ID"):
			return nil, false
		}
		return []byte(*reply.Load()), true
	}})
	c := p.client(baton.Options{})
	defer c.Close()
	ctx := t.Context()
	calls := map[string]row{}
	for _, rows := range families {
		for _, r := range rows {
			if _, fails := r.want.(failure); !fails {
				calls[r.call] = r
			}
		}
	}
	refusals, foreign := 0, 0
	for name, r := range calls {
		for _, odd := range oddReplies {
			reply.Store(&odd)
			where := fmt.Sprintf("%s answered %.30q", name, odd)
			direct, derr := callDirect(ctx, c, r)
			if errors.As(derr, new(*resp3.TypeError)) || derr != nil && strings.HasPrefix(derr.Error(), "baton: reply ") {
				foreign++
			}
			piped, perr := callPiped(ctx, c, r)
			if derr != nil || perr != nil {
				refusals++
				assert.Equal(t, derr != nil, statusOr(perr), "%s: %v and %v", where, derr, perr)
				continue
			}
			assertSame(t, direct, piped, where)
		}
	}
	reply.Store(nil)
	require.NoError(t, c.Ready(ctx), "in step")
	assert.EqualValues(t, 1+foreign, c.Stats().Dials, "on the same connection, but for those that have brought a reply of another command")
	assert.Greater(t, refusals, len(calls)*len(oddReplies)/4, "the control")
}

// statusOr reports whether a pipeline's command failed, other than by a status that callPiped does not expect.
func statusOr(err error) bool {
	return err != nil && !strings.HasPrefix(err.Error(), "status is ")
}
