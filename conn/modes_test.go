package conn_test

import (
	"errors"
	"fmt"
	"math"
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
		{conn.Float, bulk, 0.0, false, "bulk string is not a float64"},
		{conn.Int, bulk, 0.0, false, "bulk string is not an int64"},
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
		{conn.Float, ",NAN\r\n", math.NaN(), false, ""},
		{conn.Float, "$9\r\n-nan(ind)\r\n", math.NaN(), false, ""},
		{conn.Float, ",1e999\r\n", 0.0, false, "double is not a float64"},
		{conn.Float, "$5\r\n1e999\r\n", 0.0, false, "bulk string is not a float64"},
		{conn.Float, "+1.5\r\n", 0.0, false, "simple string is not a float64"},
		{conn.Float, "#t\r\n", 0.0, false, "boolean is not a float64"},
		{conn.Float, "(15\r\n", 0.0, false, "big number is not a float64"},
		{conn.Float, "=7\r\ntxt:1.5\r\n", 0.0, false, "verbatim string is not a float64"},
		{conn.Int, "_\r\n", 0.0, true, ""},
		{conn.Int, ":5\r\n", 0.0, false, ""},
		{conn.Int, "$1\r\n5\r\n", 0.0, false, "bulk string is not an int64"},
		{conn.Int, "+OK\r\n", 0.0, false, "simple string is not an int64"},
		{conn.Int, ",5\r\n", 0.0, false, "double is not an int64"},
		{conn.Int, "#t\r\n", 0.0, false, "boolean is not an int64"},
		{conn.Int, "*0\r\n", 0.0, false, "array is not an int64"},
		{conn.Int, "-ERR no\r\n", 0.0, false, "ERR no"},
		{conn.Truth, "#t\r\n", 0.0, false, ""},
		{conn.Truth, ":1\r\n", 0.0, false, ""},
		{conn.Truth, "_\r\n", 0.0, true, ""},
		{conn.Truth, "$1\r\n1\r\n", 0.0, false, "bulk string is not an int64"},
		{conn.Truth, bulk, 0.0, false, "bulk string is not an int64"},
		{conn.Truth, "+OK\r\n", 0.0, false, "simple string is not an int64"},
		{conn.Check, "=6\r\ntxt:OK\r\n", 0.0, false, ""},
		{conn.Check, ",1\r\n", 0.0, false, "double is not a status"},
		{conn.Check, "~0\r\n", 0.0, false, "set is not a status"},
		{conn.Text, "=6\r\ntxt:OK\r\n", 0.0, false, ""},
		{conn.Text, "*-1\r\n", 0.0, true, ""},
		{conn.Text, ":5\r\n", 0.0, false, "integer is not text"},
		{conn.Text, ",5\r\n", 0.0, false, "double is not text"},
		{conn.Text, "(5\r\n", 0.0, false, "big number is not text"},
		{conn.AppendText, ":5\r\n", 0.0, false, "integer is not text"},
		{conn.AppendText, "%0\r\n", 0.0, false, "map is not text"},
		{conn.AppendText, "|1\r\n+a\r\n:1\r\n:5\r\n", 0.0, false, "integer is not text"},
		{conn.Encoded, "*2\r\n:1\r\n_\r\n", "*2\r\n:1\r\n_\r\n", false, ""},
		{conn.Encoded, "_\r\n", "_\r\n", true, ""},
		{conn.Encoded, "*1\r\n" + bulk, "*1\r\n" + bulk, false, ""},
		{conn.Encoded, bulk, bulk, false, ""},
		{conn.Encoded, "-ERR no\r\n", "", false, "ERR no"},
		{conn.Encoded, "!6\r\nERR no\r\n", "", false, "ERR no"},
	}
	synctest.Test(t, func(t *testing.T) {
		var reply string
		p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			return []byte(reply), string(args[0]) == "ASK"
		}})
		for _, tt := range tests {
			c := p.dial()
			reply = tt.reply
			q := p.cfg.NewCall()
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
			if f, ok := got.(float64); !ok || f == f {
				assert.Equal(t, tt.want, got, "%.40q", tt.reply)
			} else {
				assert.True(t, math.IsNaN(tt.want.(float64)), "%.40q", tt.reply)
			}
			assert.Equal(t, tt.null, q.Null, "%.40q", tt.reply)
			if errors.As(q.Err, new(*resp3.TypeError)) && !strings.Contains(tt.reply, "1e999") { // of the kind it should be, and too large
				assert.ErrorIs(t, c.Err(), conn.ErrOutOfStep, "%.40q", tt.reply)
			} else {
				assert.NoError(t, c.Err(), "%.40q", tt.reply)
			}
			q.Free()
			c.Close()
		}
	})
}

func TestEncodedReplyIsACopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		c := p.dial()
		ask := func(text string) *conn.Call {
			q := p.cfg.NewCall()
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
