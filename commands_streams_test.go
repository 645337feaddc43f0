package baton_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/handoff/handofftest/resp3test"
	"github.com/baton-go/baton/resp3"
)

func message(id baton.StreamID, fieldsValues ...string) baton.XMessage {
	m := baton.XMessage{ID: id}
	for i := 0; i < len(fieldsValues); i += 2 {
		m.Fields = append(m.Fields, baton.Field{Name: fieldsValues[i], Value: fieldsValues[i+1]})
	}
	return m
}

// readGroup delivers messages to a consumer: reading a group is no part of these tables.
const readGroup = `return redis.call('XREADGROUP', 'GROUP', 'g', ARGV[1], 'COUNT', ARGV[2], 'STREAMS', KEYS[1], '>') and 1`

func pendingOf(want ...baton.XPendingEntry) func(*testing.T, any) {
	return func(t *testing.T, got any) {
		list := got.([]baton.XPendingEntry)
		for i := range list {
			assert.GreaterOrEqual(t, list[i].Idle, time.Duration(0))
			assert.Less(t, list[i].Idle, time.Minute)
			list[i].Idle = 0
		}
		assert.Equal(t, want, list)
	}
}

func autoID(t *testing.T, got any) { assert.Regexp(t, `^\d{13}-\d+$`, got) }

var streamRows = []row{
	{"Set", args("s", "x"), true},
	{"XAdd", args("x", "1-1"), failure("XADD: needs at least one field and value")},
	{"XAdd", args("x", "1-1", "f"), failure("XADD: got 1 texts, needs pairs of field and value")},
	{"XAdd", args("x", "1-1", "f", "v", "f", "w"), baton.StreamID("1-1")},
	{"XAdd", args("x", "1-1", "f", "v"), failure("equal or smaller")},
	{"XAdd", args("s", "1-1", "f", "v"), wrongType},
	{"XAdd", args("x", "2-1", "a", ""), baton.StreamID("2-1")},
	{"XAdd", args("auto", baton.AutoID, "a", ""), autoID},
	{"XAddTrim", args("x", "3-1", baton.Trim{MaxLen: 100, Approx: true}, "a", "b"), baton.StreamID("3-1")},
	{"XAddTrim", args("x", "3-2", baton.Trim{}, "a"), failure("XADD: got 1 texts")},
	{"XAddTrim", args("t", "1-0", baton.Trim{MinID: "0-5"}, "a", "b"), baton.StreamID("1-0")},
	{"XAddTrim", args("t", "2-0", baton.Trim{MaxLen: 1}, "a", "b"), baton.StreamID("2-0")},
	{"XLen", args("x"), int64(3)},
	{"XLen", args("none"), int64(0)},
	{"XLen", args("t"), int64(1)},
	{"XRange", args("x", baton.FirstID, baton.LastID, 0), []baton.XMessage{message("1-1", "f", "v", "f", "w"), message("2-1", "a", ""), message("3-1", "a", "b")}},
	{"XRange", args("x", "(1-1", "2", 0), []baton.XMessage{message("2-1", "a", "")}},
	{"XRange", args("x", "-", "+", -1), failure("XRANGE: COUNT is -1, must not be negative")},
	{"XRange", args("none", "-", "+", 0), []baton.XMessage{}},
	{"XRange", args("s", "-", "+", 0), wrongType},
	{"XRevRange", args("x", baton.LastID, baton.FirstID, 1), []baton.XMessage{message("3-1", "a", "b")}},
	{"XGroupCreate", args("none", "g", baton.NewID, false), failure("requires the key to exist")},
	{"XGroupCreate", args("made", "g", baton.NewID, true), nil},
	{"XGroupCreate", args("x", "g", "0", false), nil},
	{"XGroupCreate", args("x", "g", "0", false), failure("BUSYGROUP")},
	{"XPending", args("x", "g"), baton.XPendingSummary{Consumers: map[string]int64{}}},
	{"XPending", args("x", "none"), failure("NOGROUP")},
	{"Eval", args(readGroup, []string{"x"}, "alice", 2), resp3test.Integer(1)},
	{"Eval", args(readGroup, []string{"x"}, "bob", 1), resp3test.Integer(1)},
	{"XPending", args("x", "g"), baton.XPendingSummary{Count: 3, From: "1-1", To: "3-1", Consumers: map[string]int64{"alice": 2, "bob": 1}}},
	{"XPendingList", args("x", "g", baton.XPendingOptions{Consumer: "alice"}), pendingOf(
		baton.XPendingEntry{ID: "1-1", Consumer: "alice", Deliveries: 1}, baton.XPendingEntry{ID: "2-1", Consumer: "alice", Deliveries: 1})},
	{"XPendingList", args("x", "g", baton.XPendingOptions{From: "2", To: "3", Count: 1}), pendingOf(baton.XPendingEntry{ID: "2-1", Consumer: "alice", Deliveries: 1})},
	{"XPendingList", args("x", "g", baton.XPendingOptions{Idle: time.Hour}), []baton.XPendingEntry{}},
	{"XPendingList", args("x", "g", baton.XPendingOptions{Idle: time.Nanosecond}), failure("XPENDING: 1ns: must be at least 1ms")},
	{"XClaim", args("x", "g", "carol", 0, "1-1"), []baton.XMessage{message("1-1", "f", "v", "f", "w")}},
	{"XClaim", args("x", "g", "carol", time.Hour, "2-1"), []baton.XMessage{}},
	{"XClaim", args("x", "g", "carol", 0), failure("XCLAIM: needs at least one id")},
	{"XClaim", args("x", "g", "carol", -time.Second, "1-1"), failure("XCLAIM: -1s: must be at least 0s")},
	{"XDel", args("x"), failure("XDEL: needs at least one id")},
	{"XDel", args("x", "2-1", "9-9"), int64(1)},
	{"XAutoClaim", args("x", "g", "dave", 0, "0-0", 2), baton.XAutoClaimed{Next: "3-1", Messages: []baton.XMessage{message("1-1", "f", "v", "f", "w")}, Deleted: []baton.StreamID{"2-1"}}},
	{"XAutoClaim", args("x", "g", "dave", time.Hour, "0-0", 0), baton.XAutoClaimed{Next: "0-0", Messages: []baton.XMessage{}, Deleted: []baton.StreamID{}}},
	{"XAck", args("x", "g"), failure("XACK: needs at least one id")},
	{"XAck", args("x", "g", "1-1", "9-9"), int64(1)},
	{"XAck", args("none", "g", "1-1"), int64(0)},
	{"XTrim", args("x", baton.Trim{MaxLen: 1}), int64(1)},
	{"XTrim", args("x", baton.Trim{MinID: "9"}), int64(1)},
	{"XTrim", args("x", baton.Trim{MaxLen: -1}), failure("XTRIM: MaxLen is -1, must not be negative")},
	{"XGroupDestroy", args("x", "g"), true},
	{"XGroupDestroy", args("x", "g"), false},
}

var scriptRows = []row{
	{"Eval", args("return {KEYS[1], ARGV[1], ARGV[2]}", []string{"k"}, "a", 7), resp3test.Array(resp3test.BulkString("k"), resp3test.BulkString("a"), resp3test.BulkString("7"))},
	{"Eval", args("return redis.error_reply('MINE no')", nil), failure("MINE no")},
	{"Eval", args("return nil", nil), func(t *testing.T, got any) { assert.True(t, got.(resp3.Value).IsNull()) }},
	{"Eval", args("return 1", nil, struct{}{}), failure("EVAL: resp3: argument 3 of type struct {}")},
	{"EvalRO", args("return redis.call('GET', KEYS[1])", []string{"none"}), func(t *testing.T, got any) { assert.True(t, got.(resp3.Value).IsNull()) }},
	{"EvalRO", args("return redis.call('SET', KEYS[1], 1)", []string{"k"}), failure("Write commands are not allowed")},
	{"EvalSha", args("0000000000000000000000000000000000000000", nil), failure("NOSCRIPT")},
	{"ScriptLoad", args("return 1"), "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"},
	{"EvalSha", args("e0e1f9fabfc9d4800c877a703b823ac0578ff8db", nil), resp3test.Integer(1)},
	{"EvalShaRO", args("e0e1f9fabfc9d4800c877a703b823ac0578ff8db", nil), resp3test.Integer(1)},
	{"FCall", args("none", nil), failure("Function not found")},
	{"FCallRO", args("none", nil), failure("Function not found")},
}

var serverRows = []row{
	{"Ping", args(), nil},
	{"Echo", args("Grüße\r\n"), "Grüße\r\n"},
	{"Info", args(), func(t *testing.T, got any) { assert.Regexp(t, "^# Server\r\nredis_version:", got) }},
	{"Info", args("replication", "keyspace"), func(t *testing.T, got any) {
		assert.Regexp(t, "^# Replication\r\nrole:master", got)
		assert.NotContains(t, got, "# Server")
	}},
	{"DBSize", args(), int64(0)},
	{"Set", args("a", "1"), true},
	{"DBSize", args(), int64(1)},
	{"FlushDB", args(), nil},
	{"DBSize", args(), int64(0)},
	{"Time", args(), func(t *testing.T, got any) { assert.WithinDuration(t, time.Now(), got.(time.Time), time.Hour) }},
	{"ClientID", args(), func(t *testing.T, got any) { assert.Positive(t, got) }},
	{"Publish", args("none", "m"), int64(0)},
	{"SPublish", args("none", "m"), int64(0)},
}

// Fields expire since Redis 7.4: the answers here are made by hand, from the pages of HEXPIRE and HTTL.
func TestFieldExpiry(t *testing.T) {
	fields := []string{"a", "b"}
	tests := []struct {
		row
		sent  string
		reply string
	}{
		{row{"HExpire", args("h", time.Minute, fields), []int64{1, -2}}, "[HEXPIRE h 60 FIELDS 2 a b]", "*2\r\n:1\r\n:-2\r\n"},
		{row{"HExpire", args("h", 1500*time.Millisecond, fields, baton.ExpireNX), []int64{0, 2}}, "[HPEXPIRE h 1500 NX FIELDS 2 a b]", "*2\r\n:0\r\n:2\r\n"},
		{row{"HExpire", args("h", time.Microsecond, fields), failure("1µs: must be at least 1ms")}, "", ""},
		{row{"HExpire", args("h", time.Minute, nil), failure("HEXPIRE: needs at least one field")}, "", ""},
		{row{"HTTL", args("h", "a", "b", "c"), []time.Duration{baton.NoField, baton.NoExpiry, time.Minute}}, "[HTTL h FIELDS 3 a b c]", "*3\r\n:-2\r\n:-1\r\n:60\r\n"},
		{row{"HTTL", args("h"), failure("HTTL: needs at least one field")}, "", ""},
		{row{"HTTL", args("h", "a"), failure("WRONGTYPE")}, "[HTTL h FIELDS 1 a]", "-WRONGTYPE Operation\r\n"},
	}
	synctest.Test(t, func(t *testing.T) {
		var sent, reply string
		p := newPair(t, handofftest.Options{Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
			if name := string(args[0]); name != "HTTL" && name != "HEXPIRE" && name != "HPEXPIRE" {
				return nil, false
			}
			sent = fmt.Sprintf("%s", args)
			return []byte(reply), true
		}})
		c := p.client(baton.Options{})
		defer c.Close()
		for _, tt := range tests {
			for how, call := range ways {
				sent, reply = "", tt.reply
				got, err := call(t.Context(), c, tt.row)
				check(t, how+" "+tt.call, tt.want, got, err)
				require.Equal(t, tt.sent, sent)
			}
		}
	})
}
