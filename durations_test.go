package baton_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/internal/redistest"
)

// A duration that was computed is sent as far as the command can say it, and a time is never rounded to an earlier one.
func TestDurationsAndTimesOnTheWire(t *testing.T) {
	third, at := 10*time.Second/3, time.Unix(4102444800, 0)
	late, fields := at.Add(1234567), []string{"f"}
	for _, tt := range []struct {
		call string
		args []any
		sent string
	}{
		{"Set", args("k", "v", baton.EX(third)), "SET k v PX 3333"}, {"Set", args("k", "v", baton.EX(time.Minute)), "SET k v EX 60"},
		{"Set", args("k", "v", baton.EX(time.Minute+999)), "SET k v PX 60000"}, {"Set", args("k", "v", baton.EX(1999999)), "SET k v PX 1"},
		{"Set", args("k", "v", baton.EXAT(at)), "SET k v EXAT 4102444800"}, {"Set", args("k", "v", baton.EXAT(late)), "SET k v PXAT 4102444800002"},
		{"Set", args("k", "v", baton.PXAT(at), baton.NX()), "SET k v PXAT 4102444800000 NX"}, {"SetBytes", args("k", "v", baton.PXAT(late)), "SET k v PXAT 4102444800002"},
		{"GetEx", args("k", third), "GETEX k PX 3333"}, {"GetEx", args("k", baton.NoExpiry), "GETEX k PERSIST"},
		{"GetExAt", args("k", at), "GETEX k EXAT 4102444800"}, {"GetExAt", args("k", late), "GETEX k PXAT 4102444800002"},
		{"Expire", args("k", third), "PEXPIRE k 3333"}, {"Expire", args("k", -third), "PEXPIRE k -3333"}, {"Expire", args("k", -time.Nanosecond), "PEXPIRE k 0"},
		{"Expire", args("k", -time.Hour, baton.ExpireLT), "EXPIRE k -3600 LT"}, {"PExpire", args("k", third), "PEXPIRE k 3333"},
		{"ExpireAt", args("k", at), "EXPIREAT k 4102444800"}, {"ExpireAt", args("k", at.Add(1)), "PEXPIREAT k 4102444800001"}, {"ExpireAt", args("k", late), "PEXPIREAT k 4102444800002"},
		{"ExpireAt", args("k", at.Add(time.Millisecond)), "PEXPIREAT k 4102444800001"}, {"ExpireAt", args("k", time.Unix(-2, 1)), "PEXPIREAT k -1999"},
		{"HExpire", args("h", third, fields), "HPEXPIRE h 3333 FIELDS 1 f"}, {"XClaim", args("s", "g", "c", third, "1-1"), "XCLAIM s g c 3333 1-1"},
		{"XAutoClaim", args("s", "g", "c", third, "0-0", 0), "XAUTOCLAIM s g c 3333 0-0"},
		{"XPendingList", args("s", "g", baton.XPendingOptions{Idle: third}), "XPENDING s g IDLE 3333 - + 100"},
	} {
		for how, sent := range sentWords(t, tt.call, tt.args) {
			assert.Equal(t, tt.sent, sent, how)
		}
	}
}

func sentWords(t *testing.T, call string, args []any) map[string]string {
	out := map[string]string{}
	synctest.Test(t, func(t *testing.T) {
		var sent string
		p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			if name := string(args[0]); name == "HELLO" || name == "CLIENT" {
				return nil, false
			}
			sent = strings.Trim(fmt.Sprintf("%s", args), "[]")
			return []byte("_\r\n"), true
		}})
		c := p.client(baton.Options{})
		defer c.Close()
		require.NoError(t, c.Ready(t.Context()))
		for how, way := range ways {
			sent = ""
			_, _ = way(t.Context(), c, row{call: call, args: args})
			out[how] = sent
		}
	})
	return out
}

func TestWaitsMayBeComputed(t *testing.T) {
	c, ctx := open(t, baton.Options{Addr: redistest.Start(t)}), t.Context()
	_, err := c.RPush(ctx, "l", "x")
	require.NoError(t, err)
	_, v, err := c.BLPop(ctx, 10*time.Second/3, "l")
	require.NoError(t, err)
	assert.Equal(t, "x", v)
	_, _, err = c.BLPop(ctx, 1000001, "l")
	assert.ErrorIs(t, err, baton.Nil, "after a millisecond")
	_, err = c.XAdd(ctx, "s", "1-1", "f", "v")
	require.NoError(t, err)
	got, err := c.XRead(ctx, baton.ReadOptions{Streams: []string{"s", "s"}, IDs: []baton.StreamID{"0", "0"}, Block: true, Wait: 10 * time.Second / 3})
	require.NoError(t, err)
	assert.Len(t, got, 2, "a stream that is named twice comes twice")
}
