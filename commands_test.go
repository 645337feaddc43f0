package baton_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/internal/redistest"
)

// row is a call of a method of Client, and of the method of Pipe with the same name, with what it has to return. Rows are
// executed in order against one database that is empty at first.
type row struct {
	call string
	args []any
	want any // a value; an error that has to be found by errors.Is; a failure; or a func(*testing.T, any)
}

// failure is a part of an error's text.
type failure string

func args(a ...any) []any { return a }

const wrongType = failure("WRONGTYPE")

// families are the tables of rows, by name.
var families = map[string][]row{
	"keys": keyRows, "strings": stringRows, "hashes": hashRows, "lists": listRows, "sets": setRows, "sorted sets": sortedRows,
	"streams": streamRows, "scripts": scriptRows, "server": serverRows,
}

// way is a way to call a method by its name.
type way func(ctx context.Context, c *baton.Client, r row) (any, error)

var ways = map[string]way{"direct": callDirect, "pipeline": callPiped}

func TestCommandsReturnWhatTheServerHas(t *testing.T) {
	addr := redistest.Start(t)
	for _, protocol := range []int{2, 3} {
		c := open(t, baton.Options{Addr: addr, Protocol: protocol})
		for how, call := range ways {
			for family, rows := range families {
				t.Run(fmt.Sprintf("RESP%d/%s/%s", protocol, how, family), func(t *testing.T) {
					require.NoError(t, c.FlushDB(t.Context()))
					for i, r := range rows {
						got, err := call(t.Context(), c, r)
						check(t, fmt.Sprintf("row %d, %s%v", i, r.call, r.args), r.want, got, err)
					}
				})
			}
		}
	}
}

func check(t *testing.T, where string, want, got any, err error) {
	t.Helper()
	switch want := want.(type) {
	case error:
		assert.ErrorIs(t, err, want, where)
	case failure:
		assert.ErrorContains(t, err, string(want), where)
	case func(*testing.T, any):
		if assert.NoError(t, err, where) {
			want(t, got)
		}
	default:
		if assert.NoError(t, err, where) {
			assertSame(t, want, got, where)
		}
	}
}

// values turns arguments into what the method m takes.
func values(m reflect.Value, first []any, args []any) []reflect.Value {
	var in []reflect.Value
	for i, a := range slices.Concat(first, args) {
		v, at := reflect.ValueOf(a), min(i, m.Type().NumIn()-1)
		want := m.Type().In(at)
		if m.Type().IsVariadic() && at == m.Type().NumIn()-1 {
			want = want.Elem()
		}
		if a == nil {
			v = reflect.Zero(want)
		} else if want.Kind() != reflect.Interface {
			v = v.Convert(want)
		}
		in = append(in, v)
	}
	return in
}

func callDirect(ctx context.Context, c *baton.Client, r row) (any, error) {
	m := reflect.ValueOf(c).MethodByName(r.call)
	return result(m.Call(values(m, []any{ctx}, r.args)))
}

func callPiped(ctx context.Context, c *baton.Client, r row) (any, error) {
	var reply reflect.Value
	perr := c.Pipeline(ctx, func(p *baton.Pipe) error {
		m := reflect.ValueOf(p).MethodByName(r.call)
		reply = m.Call(values(m, nil, r.args))[0]
		return nil
	})
	got, err := result(reply.MethodByName("Get").Call(nil))
	if perr != nil && err == nil {
		return nil, fmt.Errorf("only the pipeline failed: %w", perr)
	}
	if direct := reflect.ValueOf(c).MethodByName(r.call); direct.Type().NumOut() == 1 && err == nil {
		if got != "OK" && got != "PONG" {
			return nil, fmt.Errorf("status is %v", got)
		}
		got = nil
	}
	return got, err
}

func result(out []reflect.Value) (any, error) {
	err, _ := out[len(out)-1].Interface().(error)
	if len(out) == 1 {
		return nil, err
	}
	return out[0].Interface(), err
}

// Methods of Client that a Pipe cannot have: they are no single command, or they wait.
var notInPipe = []string{"Do", "Pipeline", "Conn", "Ready", "Shutdown", "AppendGet", "Scan", "HScan", "SScan", "ZScan",
	"BLPop", "BRPop", "BLMove", "BZPopMin", "BZPopMax", "XRead", "XReadGroup", "Wait", "Tx", "Subscribe", "PSubscribe", "SSubscribe"}

// Methods that the server of the tests does not know, see TestFieldExpiry.
var notInRows = []string{"Do", "HExpire", "HTTL"}

func TestEveryCommandIsInPipeAndInTheTables(t *testing.T) {
	client, pipe := reflect.TypeFor[*baton.Client](), reflect.TypeFor[*baton.Pipe]()
	ctx := reflect.TypeFor[context.Context]()
	for i := range client.NumMethod() {
		m := client.Method(i)
		if m.Type.NumIn() > 1 && m.Type.In(1) == ctx && !slices.Contains(notInPipe, m.Name) {
			_, ok := pipe.MethodByName(m.Name)
			assert.True(t, ok, "Pipe has no %s", m.Name)
		}
	}
	tested := map[string]bool{}
	for _, rows := range families {
		for _, r := range rows {
			tested[r.call] = true
		}
	}
	for i := range pipe.NumMethod() {
		m := pipe.Method(i)
		_, ok := client.MethodByName(m.Name)
		assert.True(t, ok, "Client has no %s", m.Name)
		assert.True(t, tested[m.Name] || slices.Contains(notInRows, m.Name), "no row tests %s", m.Name)
	}
}

// The control: a row that is wrong is noticed, in each of its forms.
func TestWrongRowsAreNoticed(t *testing.T) {
	c := open(t, baton.Options{Addr: redistest.Start(t)})
	for how, call := range ways {
		for _, r := range []row{
			{"Set", args("k", "v"), false},
			{"Get", args("k"), "w"},
			{"Get", args("none"), ""},
			{"Get", args("k"), baton.Nil},
			{"HGet", args("k", "f"), baton.Nil},
			{"Del", args(), int64(0)},
			{"Exists", args("k"), failure("WRONGTYPE")},
		} {
			got, err := call(t.Context(), c, r)
			probe := &testing.T{}
			check(probe, "", r.want, got, err)
			assert.True(t, probe.Failed(), "%s: %v", how, r)
		}
	}
}

var keyRows = []row{
	{"Del", args(), failure("DEL: needs at least one key")},
	{"Unlink", args(), failure("needs at least one key")},
	{"Exists", args(), failure("needs at least one key")},
	{"Set", args("a", "1"), true},
	{"Set", args("b", "2"), true},
	{"Exists", args("a", "b", "a", "none"), int64(3)},
	{"TTL", args("a"), baton.NoExpiry},
	{"PTTL", args("a"), baton.NoExpiry},
	{"TTL", args("none"), baton.Nil},
	{"PTTL", args("none"), baton.Nil},
	{"Expire", args("none", time.Minute), false},
	{"Expire", args("a", 100*time.Second, baton.ExpireXX), false},
	{"Expire", args("a", 100*time.Second, baton.ExpireNX), true},
	{"TTL", args("a"), between(98*time.Second, 100*time.Second)},
	{"PTTL", args("a"), between(98*time.Second, 100*time.Second)},
	{"Expire", args("a", 50*time.Second, baton.ExpireGT), false},
	{"Expire", args("a", 50*time.Second, baton.ExpireLT), true},
	{"Expire", args("a", 1500*time.Millisecond+time.Hour), true},
	{"PTTL", args("a"), between(time.Hour, time.Hour+1500*time.Millisecond)},
	{"Expire", args("a", time.Microsecond), failure("PEXPIRE: 1µs: must be at least 1ms")},
	{"Expire", args("a", 200*time.Second/3), true},
	{"PTTL", args("a"), between(66*time.Second, 66666*time.Millisecond)},
	{"PExpire", args("a", time.Minute), true},
	{"PExpire", args("a", time.Nanosecond), failure("1ns: must be at least 1ms")},
	{"PTTL", args("a"), between(59*time.Second, time.Minute)},
	{"Persist", args("a"), true},
	{"Persist", args("a"), false},
	{"ExpireAt", args("a", time.Now().Add(time.Hour).Truncate(time.Second)), true},
	{"PTTL", args("a"), between(time.Minute, time.Hour)},
	{"ExpireAt", args("a", time.Now().Add(2*time.Hour).Truncate(time.Second).Add(1234567)), true},
	{"PTTL", args("a"), between(61*time.Minute, 2*time.Hour+time.Second)},
	{"ExpireAt", args("none", time.Unix(1<<40, 0)), false},
	{"ExpireAt", args("b", time.Unix(1<<40, 0)), true},
	{"TTL", args("b"), failure("longer than a time.Duration can be")},
	{"ExpireAt", args("b", time.Unix(1<<54, 1)), failure("seconds from 1970, must be less than 9223372036854775")},
	{"ExpireAt", args("b", time.Unix(-1<<54, 1)), failure("EXPIREAT: the time is -18014398509481984 seconds from 1970")},
	{"Expire", args("b", -time.Second), true},
	{"Exists", args("b"), int64(0)},
	{"Type", args("a"), "string"},
	{"Type", args("none"), "none"},
	{"Rename", args("none", "x"), failure("no such key")},
	{"Rename", args("a", "x"), nil},
	{"Copy", args("none", "y"), false},
	{"Copy", args("x", "y"), true},
	{"Copy", args("x", "y"), false},
	{"Copy", args("x", "y", baton.CopyReplace()), true},
	{"Copy", args("x", "y", baton.CopyDB(3), baton.CopyReplace()), true},
	{"Unlink", args("y", "none"), int64(1)},
	{"Del", args("x", "y"), int64(1)},
	{"DBSize", args(), int64(0)},
}

// between accepts durations, for what runs down while the test does.
func between(low, high time.Duration) func(*testing.T, any) {
	return func(t *testing.T, got any) {
		assert.GreaterOrEqual(t, got, low)
		assert.LessOrEqual(t, got, high)
	}
}
