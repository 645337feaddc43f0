package handoff

import (
	"strings"
	"testing"
	"time"

	"github.com/baton-go/baton/resp3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// push decodes one frame; \r\n is written as a blank to keep the rows readable.
func push(t *testing.T, frame string) resp3.Value {
	t.Helper()
	v, err := resp3.NewReader(strings.NewReader(strings.ReplaceAll(frame, " ", "\r\n")+"\r\n"), resp3.Limits{}).ReadValue()
	require.NoError(t, err, frame)
	return v
}

const s = time.Second

func ofShards(k Kind, seq int64, shards ...string) Notification {
	return Notification{EventID: EventID{k, seq, true}, Shards: shards}
}

func opening(k Kind, seq int64, in time.Duration, shards ...string) Notification {
	n := ofShards(k, seq, shards...)
	n.In, n.HasIn = in, true
	return n
}

var frames = []struct {
	source, frame string
	want          Notification
}{
	// Captured, or of a captured shape (StackExchange.Redis, RedisServer.Maintenance.cs; node-redis, enterprise-maintenance-manager.ts).
	{"node-redis, commented example", ">4 $6 MOVING :17 :15 $19 54.78.247.156:12075", movingTo(17, 15*s, "54.78.247.156:12075")},
	{"capture RS 8.0.22, null and seq 0", ">4 $6 MOVING :0 :15 _", movingTo(0, 15*s, "")},
	{"capture, MIGRATING", `>4 $9 MIGRATING :0 :2 $6 ["21"]`, opening(Migrating, 0, 2*s, "21")},
	{"capture, MIGRATED", `>3 $8 MIGRATED :1 $6 ["21"]`, ofShards(Migrated, 1, "21")},
	{"capture, FAILING_OVER", `>4 $12 FAILING_OVER :0 :2 $6 ["21"]`, opening(FailingOver, 0, 2*s, "21")},
	{"capture, FAILED_OVER", `>3 $11 FAILED_OVER :1 $6 ["21"]`, ofShards(FailedOver, 1, "21")},
	{"two shards", `>3 $8 MIGRATED :1 $11 ["21","22"]`, ofShards(Migrated, 1, "21", "22")},
	{"host name", ">4 $6 MOVING :3 :15 $32 redis-12000.c1.example.com:12000", movingTo(3, 15*s, "redis-12000.c1.example.com:12000")},
	{"IPv6 in brackets", ">4 $6 MOVING :3 :15 $19 [2001:db8::5]:12000", movingTo(3, 15*s, "[2001:db8::5]:12000")},
	// Other shapes in the wild.
	{"redis-py helpers: simple strings", ">4 +MOVING :1 :10 +1.2.3.4:6390", movingTo(1, 10*s, "1.2.3.4:6390")},
	{"lettuce tests: text null", ">4 +MOVING :1 :10 $4 null", movingTo(1, 10*s, "")},
	{"text (nil)", ">4 +MOVING :1 :10 $5 (nil)", movingTo(1, 10*s, "")},
	{"go-redis: text <nil>", ">4 +MOVING :1 :10 $5 <nil>", movingTo(1, 10*s, "")},
	{"mocks: RESP2 null", ">4 +MOVING :1 :10 $-1", movingTo(1, 10*s, "")},
	{"go-redis mock injector: no endpoint at all", ">3 +MOVING :1 :10", movingTo(1, 10*s, "")},
	{"go-redis mock: completion without shards", ">2 +FAILED_OVER :1", ofShards(FailedOver, 1)},
	{"go-redis mock: opening without seconds and shards", ">2 +FAILING_OVER :7", ofShards(FailingOver, 7)},
	{"go-redis mock: slots where the seconds belong", ">3 $9 MIGRATING :4 $4 1000", ofShards(Migrating, 4, "1000")},
	{"older proxies: integers as text", `>4 $9 MIGRATING $1 4 $1 2 $6 ["21"]`, opening(Migrating, 4, 2*s, "21")},
	{"older proxies: MOVING with integers as text", ">4 +MOVING $1 4 $2 15 $12 1.2.3.4:6390", movingTo(4, 15*s, "1.2.3.4:6390")},
	{"StackExchange.Redis accepts no seq: null", ">4 +MOVING _ :15 $12 1.2.3.4:6390", Notification{EventID: EventID{Kind: Moving}, In: 15 * s, HasIn: true, Endpoint: "1.2.3.4:6390"}},
	{"no seq: completion with shards only", `>2 $8 MIGRATED $6 ["21"]`, Notification{EventID: EventID{Kind: Migrated}, Shards: []string{"21"}}},
	{"nothing but the name", ">1 +MOVING", Notification{EventID: EventID{Kind: Moving}}},
	{"no seconds", ">3 +MOVING :4 $12 1.2.3.4:6390", Notification{EventID: EventID{Moving, 4, true}, Endpoint: "1.2.3.4:6390"}},
	{"seconds where none belong", `>4 $8 MIGRATED :1 :2 $6 ["21"]`, ofShards(Migrated, 1, "21")},
	{"shards as an array", ">4 +MIGRATING :1 :2 *2 $2 21 :22", opening(Migrating, 1, 2*s, "21", "22")},
	{"shards as plain text", ">3 +MIGRATED :1 $5 21,22", ofShards(Migrated, 1, "21", "22")},
	{"shards as JSON with blanks", `>3 +MIGRATED :1 $15 [ "21", 22 ]`, ofShards(Migrated, 1, "21", "22")},
	{"escapes in JSON", `>3 +MIGRATED :1 $17 ["a\"b","\u00e9"]`, ofShards(Migrated, 1, `a"b`, "é")},
	{"no shards as JSON", `>3 +MIGRATED :1 $2 []`, ofShards(Migrated, 1, []string{}...)},
	{"broken JSON is kept as text", `>3 +MIGRATED :1 $3 ["2`, ofShards(Migrated, 1, `["2`)},
	{"extra elements", ">6 $6 MOVING :17 :15 $12 1.2.3.4:6390 +new *1 :1", movingTo(17, 15*s, "1.2.3.4:6390")},
	{"placeholder ?", ">4 +MOVING :1 :10 $1 ?", movingTo(1, 10*s, "")},
	{"placeholder, empty", ">4 +MOVING :1 :10 $6 :12000", movingTo(1, 10*s, "")},
	{"placeholder, port 0 and no host", ">4 +MOVING :1 :10 $2 :0", movingTo(1, 10*s, "")},
	{"placeholder, port 0", ">4 +MOVING :1 :10 $3 ?:0", movingTo(1, 10*s, "")},
	{"text NULL", ">4 +MOVING :1 :10 $4 NULL", movingTo(1, 10*s, "")},
	{"no port: the configured one", ">4 +MOVING :1 :10 $7 1.2.3.4", movingTo(1, 10*s, "1.2.3.4:12000")},
	{"RESP3 attribute in front", "|1 +ttl :3 >4 $6 MOVING :17 :15 $12 1.2.3.4:6390", movingTo(17, 15*s, "1.2.3.4:6390")},
	// Seconds: what late joiners are told, and numbers that overflow.
	{"late joiner: 0 means now", ">4 +MOVING :1 :0 _", movingTo(1, 0, "")},
	{"late joiner: negative means now", ">4 +MOVING :1 :-3 _", movingTo(1, 0, "")},
	{"no overflow", ">4 +MOVING :1 :9223372036854775807 _", movingTo(1, 10*time.Minute, "")},
	{"no overflow downwards", ">4 +MOVING :1 :-9223372036854775808 _", movingTo(1, 0, "")},
	// Slots.
	{"slots, unsorted", ">3 $10 SMIGRATING :16 $16 123,456,789-1000", Notification{
		EventID: EventID{SMigrating, 16, true},
		Slots:   []SlotMove{{Slots: []SlotRange{{123, 123}, {456, 456}, {789, 1000}}}},
	}},
	{"two triplets, node-redis", ">3 $9 SMIGRATED :19 *2 *3 $14 10.0.0.1:12000 $14 10.0.0.2:12000 $7 123,456 *3 $14 10.0.0.1:12000 $14 10.0.0.3:12000 $8 789-1000", Notification{
		EventID: EventID{SMigrated, 19, true},
		Slots: []SlotMove{
			{"10.0.0.1:12000", "10.0.0.2:12000", []SlotRange{{123, 123}, {456, 456}}},
			{"10.0.0.1:12000", "10.0.0.3:12000", []SlotRange{{789, 1000}}},
		},
	}},
}

func TestParseNotification(t *testing.T) {
	for _, c := range frames {
		got, ours, err := ParseNotification(push(t, c.frame), "12000")
		assert.NoError(t, err, c.source)
		assert.True(t, ours, c.source)
		assert.Equal(t, c.want, got, c.source)
	}
}

// Unreadable parts are reported, and the rest is used: a MOVING that is dropped is a disconnect for certain.
func TestParseNotificationKeepsWhatIsReadable(t *testing.T) {
	unreadable := movingTo(1, 10*s, "")
	unreadable.Unreadable = true
	for _, c := range []struct {
		source, frame, wrong string
		want                 Notification
	}{
		{"port too high", ">4 +MOVING :1 :10 $10 h.io:70000", "limits 1 to 65535", unreadable},
		{"port 0 of a host (H-140)", ">4 +MOVING :1 :10 $9 1.2.3.4:0", "limits 1 to 65535", unreadable},
		{"port 0 of IPv6", ">4 +MOVING :1 :10 $10 [2001::]:0", "limits 1 to 65535", unreadable},
		{"negative port", ">4 +MOVING :1 :10 $10 1.2.3.4:-1", "limits 1 to 65535", unreadable},
		{"endpoint is a list", ">4 +MOVING :1 :10 *0", "endpoint is a", unreadable},
		{"endpoint is a number", ">4 +MOVING :1 :10 :3", "endpoint is a", unreadable},
		{"blank in the host", ">4 +MOVING :1 :10 $6 a/b:99", "host holds", unreadable},
		{"time is a word (H-140)", ">4 +MOVING :1 $4 soon $12 1.2.3.4:6390", "time is no number", Notification{EventID: EventID{Moving, 1, true}, Endpoint: "1.2.3.4:6390"}},
		{"time overflows as text", ">4 +MOVING :1 $20 99999999999999999999 $12 1.2.3.4:6390", "time is no number", Notification{EventID: EventID{Moving, 1, true}, Endpoint: "1.2.3.4:6390"}},
		{"time is a list", ">4 +MOVING :1 *0 _", "time is no number", Notification{EventID: EventID{Moving, 1, true}}},
		{"seq is a word", ">4 +MOVING $3 abc :10 $12 1.2.3.4:6390", "sequence number", Notification{EventID: EventID{Kind: Moving}, In: 10 * s, HasIn: true, Endpoint: "1.2.3.4:6390"}},
		{"seq of an opening is a word", ">4 +MIGRATING $3 abc :2 $6 [\"21\"]", "sequence number", Notification{EventID: EventID{Kind: Migrating}, In: 2 * s, HasIn: true, Shards: []string{"21"}}},
		{"seq is a map", ">4 +MOVING %0 :10 $12 1.2.3.4:6390", "sequence number", Notification{EventID: EventID{Kind: Moving}, In: 10 * s, HasIn: true, Endpoint: "1.2.3.4:6390"}},
		{"shards are a map", ">3 +MIGRATED :1 %0", "shard list", Notification{EventID: EventID{Migrated, 1, true}}},
		{"slot above the limit, H-68", ">3 +SMIGRATING :1 $9 5,99999,7", "limit 16383", Notification{EventID: EventID{SMigrating, 1, true}, Slots: []SlotMove{{Slots: []SlotRange{{5, 5}, {7, 7}}}}}},
		{"range upside down", ">3 +SMIGRATING :1 $5 9-7,1", "9-7", Notification{EventID: EventID{SMigrating, 1, true}, Slots: []SlotMove{{Slots: []SlotRange{{1, 1}}}}}},
		{"empty list still closes", ">3 +SMIGRATED :1 *0", "list of slot moves", Notification{EventID: EventID{SMigrated, 1, true}}},
		{"first draft: flat list", ">4 +SMIGRATED :1 $9 h.io:6379 $3 1-2", "list of slot moves", Notification{EventID: EventID{SMigrated, 1, true}}},
		{"second draft: pairs", ">3 +SMIGRATED :1 *1 *2 $9 h.io:6379 $3 1-2", "slot move", Notification{EventID: EventID{SMigrated, 1, true}}},
	} {
		got, ours, err := ParseNotification(push(t, c.frame), "12000")
		assert.True(t, ours, c.source)
		assert.ErrorContains(t, err, c.wrong, c.source)
		var typed *NotificationError
		assert.ErrorAs(t, err, &typed, c.source)
		assert.Equal(t, c.want, got, c.source)
	}
}

// Negative control: everything else is left alone.
// Errors are kept on the timeline: a push of a million bad entries must not become a million errors.
func TestParseNotificationComplainsALittle(t *testing.T) {
	for _, body := range []string{"*100000\r\n" + strings.Repeat("*0\r\n", 100000), "*100000\r\n" + strings.Repeat("*3\r\n+\r\n+\r\n+\r\n", 100000)} {
		v, _, err := resp3.Decode(">3\r\n+SMIGRATED\r\n:1\r\n" + body)
		require.NoError(t, err)
		_, ours, err := ParseNotification(v, "6379")
		assert.True(t, ours)
		require.Error(t, err)
		assert.Less(t, len(err.Error()), 2000)
	}
}

func TestParseNotificationLeavesOthersAlone(t *testing.T) {
	for _, frame := range []string{
		">3 $7 message $1 c $1 x", ">2 $10 invalidate _", ">4 $6 moving :1 :15 _", ">2 $7 SMOVING :1", ">2 $13 SFAILING_OVER :1",
		">0", ">1 :5", ">1 *1 $6 MOVING", "*4 $6 MOVING :1 :15 _", "+MOVING", "$6 MOVING", "_",
	} {
		n, ours, err := ParseNotification(push(t, frame), "6379")
		assert.False(t, ours, frame)
		assert.NoError(t, err, frame)
		assert.Zero(t, n, frame)
	}
	_, ours, _ := ParseNotification(resp3.Value{}, "6379")
	assert.False(t, ours)
}

func FuzzParseNotification(f *testing.F) {
	f.Add([]byte(">4\r\n$6\r\nMOVING\r\n:17\r\n:15\r\n$19\r\n54.78.247.156:12075\r\n"))
	f.Add([]byte(">3\r\n$9\r\nSMIGRATED\r\n:19\r\n*1\r\n*3\r\n$4\r\na:1\n\r\n$3\r\nb:2\r\n$3\r\n1-2\r\n"))
	f.Add([]byte(">4\r\n+MIGRATING\r\n$1\r\n4\r\n$1\r\n2\r\n$6\r\n[\"21\"]\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := resp3.NewReader(strings.NewReader(string(b)), resp3.Limits{}).ReadValue()
		if err != nil {
			return
		}
		n, ours, err := ParseNotification(v, "6379")
		if !ours && (err != nil || n.Kind != KindNone) {
			t.Fatalf("not ours, and yet %v, %v", n, err)
		}
		if n.In < 0 || n.In > maxIn {
			t.Fatalf("time %v", n.In)
		}
		if n.Endpoint != "" {
			again, err := parseEndpoint(n.Endpoint, "1")
			if err != nil || again != n.Endpoint {
				t.Fatalf("endpoint %q is not canonical: %q, %v", n.Endpoint, again, err)
			}
		}
	})
}

func TestKindsHaveTheirWireWords(t *testing.T) {
	for k := Moving; k <= SMigrated; k++ {
		assert.Equal(t, k, kindOf(k.String()))
	}
	assert.Equal(t, "", KindNone.String())
	assert.Equal(t, KindNone, kindOf(""))
	assert.Equal(t, "Kind(99)", Kind(99).String())
	assert.Equal(t, "MOVING seq 0 in 15s to 10.0.0.7:12000",
		Notification{EventID: EventID{Kind: Moving, HasSeq: true}, In: 15 * s, HasIn: true, Endpoint: "10.0.0.7:12000"}.String())
}
