package conn_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/resp3"
)

func TestNumbersAndEncodedReplies(t *testing.T) {
	big := strings.Repeat("0123456789", 3000) // more than is buffered
	bulk := fmt.Sprintf("$%d\r\n%s\r\n", len(big), big)
	tests := []struct {
		mode  conn.Mode
		reply string
		want  any
		null  bool
		fails string
	}{
		{conn.Float, ",1.5\r\n", 1.5, false, ""},
		{conn.Float, "$4\r\n-2.5\r\n", -2.5, false, ""},
		{conn.Float, ":7\r\n", 7.0, false, ""},
		{conn.Float, "$?\r\n;1\r\n1\r\n;2\r\n.5\r\n;0\r\n", 1.5, false, ""},
		{conn.Float, "_\r\n", 0.0, true, ""},
		{conn.Float, "$-1\r\n", 0.0, true, ""},
		{conn.Float, "$3\r\none\r\n", 0.0, false, "not a float64"},
		{conn.Float, "*1\r\n:1\r\n", 0.0, false, "not a float64"},
		{conn.Float, "-ERR no\r\n", 0.0, false, "ERR no"},
		{conn.Float, bulk, 0.0, false, "a large bulk string where a number was expected"},
		{conn.Int, bulk, 0.0, false, "a large bulk string where a number was expected"},
		{conn.Check, "+OK\r\n", 0.0, false, ""},
		{conn.Check, "$2\r\nOK\r\n", 0.0, false, ""},
		{conn.Check, "$?\r\n;2\r\nOK\r\n;0\r\n", 0.0, false, ""},
		{conn.Check, "_\r\n", 0.0, true, ""},
		{conn.Check, ":1\r\n", 0.0, false, "integer is not a status"},
		{conn.Check, "*1\r\n+OK\r\n", 0.0, false, "array is not a status"},
		{conn.Check, "%1\r\n+a\r\n+b\r\n", 0.0, false, "map is not a status"},
		{conn.Check, "#t\r\n", 0.0, false, "boolean is not a status"},
		{conn.Check, "-ERR no\r\n", 0.0, false, "ERR no"},
		{conn.Text, "#t\r\n", 0.0, false, "boolean is not text"},
		{conn.AppendText, "#f\r\n", 0.0, false, "boolean is not text"},
		{conn.Encoded, "*2\r\n:1\r\n_\r\n", "*2\r\n:1\r\n_\r\n", false, ""},
		{conn.Encoded, "_\r\n", "_\r\n", true, ""},
		{conn.Encoded, "*1\r\n" + bulk, "*1\r\n" + bulk, false, ""},
		{conn.Encoded, bulk, bulk, false, ""},
		{conn.Encoded, "-ERR no\r\n", "", false, "ERR no"},
		{conn.Encoded, "!6\r\nERR no\r\n", "", false, "ERR no"},
	}
	synctest.Test(t, func(t *testing.T) {
		var reply string
		w := newWorld(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			return []byte(reply), string(args[0]) == "ASK"
		}})
		c := w.dial()
		defer w.close(c)
		for _, tt := range tests {
			reply = tt.reply
			q := w.cfg.NewCall()
			q.Mode = tt.mode
			q.Req = resp3.AppendCommand(q.Req, "ASK")
			require.NoError(t, c.Do(t.Context(), q))
			var got any = q.Float
			if tt.mode == conn.Encoded {
				got = q.Block()
			}
			if tt.fails != "" {
				assert.ErrorContains(t, q.Err, tt.fails, "%.40q", tt.reply)
			} else {
				assert.NoError(t, q.Err, "%.40q", tt.reply)
			}
			assert.Equal(t, tt.want, got, "%.40q", tt.reply)
			assert.Equal(t, tt.null, q.Null, "%.40q", tt.reply)
			q.Free()
		}
	})
}

func TestEncodedReplyIsACopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, handofftest.Options{})
		c := w.dial()
		defer w.close(c)
		ask := func(text string) *conn.Call {
			q := w.cfg.NewCall()
			q.Mode = conn.Encoded
			q.Req = resp3.AppendCommand(q.Req, "ECHO", text)
			require.NoError(t, c.Do(t.Context(), q))
			return q
		}
		first, second := ask("first"), ask("other")
		assert.Equal(t, "$5\r\nfirst\r\n", first.Block(), "what is read later does not change it")
		assert.Equal(t, "$5\r\nother\r\n", second.Block())
		first.Free()
		second.Free()
	})
}
