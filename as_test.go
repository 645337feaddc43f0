package baton_test

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"math/big"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff/handofftest/resp3test"
	"github.com/baton-go/baton/internal/redistest"
	"github.com/baton-go/baton/resp3"
)

type (
	id    string
	grade int
	names []string
	uuid  [4]byte
	bits  [2]byte
)

func (u uuid) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%x-%x", u[:2], u[2:]), nil }

func (u uuid) MarshalBinary() ([]byte, error) { return u[:], nil }

func (u *uuid) UnmarshalText(b []byte) error {
	var hi, lo []byte
	if _, err := fmt.Sscanf(string(b), "%4x-%4x", &hi, &lo); err != nil {
		return err
	}
	copy(u[:2], hi)
	copy(u[2:], lo)
	return nil
}

func (u *uuid) UnmarshalBinary(b []byte) error { copy(u[:], b); return nil }

func (b bits) MarshalBinary() ([]byte, error) { return b[:], nil }

func (b *bits) UnmarshalBinary(p []byte) error {
	if len(p) != len(b) {
		return fmt.Errorf("%d bytes, want %d", len(p), len(b))
	}
	copy(b[:], p)
	return nil
}

func strs(s ...string) (out []resp3.Value) {
	for _, s := range s {
		out = append(out, resp3test.BulkString(s))
	}
	return out
}

func two(a, b resp3.Value) resp3.Value { return resp3test.Array(a, b) }

func TestAsMakesWhatIsAskedFor(t *testing.T) {
	scores := resp3test.Array(two(resp3test.BulkString("a"), resp3test.Double(1)), two(resp3test.BulkString("b"), resp3test.Double(2.5)))
	some := func(s string) baton.Opt[string] { return baton.Opt[string]{V: s, OK: true} }
	text := "x"
	for name, tt := range map[string]struct {
		as   func(resp3.Value) (any, error)
		v    resp3.Value
		want any
	}{
		"pairs of scores":           {as[map[string]string], scores, map[string]string{"a": "1", "b": "2.5"}},
		"scores as numbers":         {as[map[string]float64], scores, map[string]float64{"a": 1, "b": 2.5}},
		"scores in turns":           {as[[]string], scores, []string{"a", "1", "b", "2.5"}},
		"one pair":                  {as[map[string]string], resp3test.Array(two(resp3test.BulkString("f"), resp3test.BulkString("v"))), map[string]string{"f": "v"}},
		"three pairs":               {as[map[string]string], resp3test.Array(two(resp3test.BulkString("a"), resp3test.BulkString("1")), two(resp3test.BulkString("b"), resp3test.BulkString("2")), two(resp3test.BulkString("c"), resp3test.BulkString("3"))), map[string]string{"a": "1", "b": "2", "c": "3"}},
		"streams by twos":           {as[map[string]resp3.Value], resp3test.Array(two(resp3test.BulkString("s"), resp3test.Array())), map[string]resp3.Value{"s": resp3test.Array()}},
		"pairs as they are":         {as[[][]string], scores, [][]string{{"a", "1"}, {"b", "2.5"}}},
		"ints of a map":             {as[map[string]int64], resp3test.Map(resp3test.BulkString("k"), resp3test.BulkString("7")), map[string]int64{"k": 7}},
		"ints by id":                {as[map[id]int], resp3test.Array(resp3test.BulkString("k"), resp3test.Integer(7)), map[id]int{"k": 7}},
		"map by number":             {as[map[int]string], resp3test.Map(resp3test.Integer(7), resp3test.BulkString("v")), map[int]string{7: "v"}},
		"map of lists":              {as[map[string][]string], resp3test.Map(resp3test.BulkString("k"), resp3test.Array(strs("a", "b")...)), map[string][]string{"k": {"a", "b"}}},
		"a map in turns":            {as[[]string], resp3test.Map(resp3test.BulkString("k"), resp3test.BulkString("v")), []string{"k", "v"}},
		"whole double":              {as[int64], resp3test.Double(3), int64(3)},
		"whole doubles":             {as[[]int64], resp3test.Array(resp3test.Double(3), resp3test.Double(-1)), []int64{3, -1}},
		"whole double, unsigned":    {as[uint64], resp3test.Double(3), uint64(3)},
		"double as text":            {as[string], resp3test.Double(2.5), "2.5"},
		"boolean as text":           {as[string], resp3test.Boolean(true), "1"},
		"no as text":                {as[string], resp3test.Boolean(false), "0"},
		"boolean as a number":       {as[float64], resp3test.Boolean(true), 1.0},
		"true as text":              {as[bool], resp3test.BulkString("true"), true},
		"F as text":                 {as[bool], resp3test.BulkString("F"), false},
		"bool of a double":          {as[bool], resp3test.Double(1), true},
		"bools":                     {as[[]bool], resp3test.Array(resp3test.Integer(1), resp3test.Boolean(false), resp3test.BulkString("0")), []bool{true, false, false}},
		"ints":                      {as[[]int], resp3test.Array(resp3test.Integer(1), resp3test.BulkString("2")), []int{1, 2}},
		"bytes":                     {as[[][]byte], resp3test.Array(strs("a", "")...), [][]byte{[]byte("a"), {}}},
		"Opts":                      {as[[]baton.Opt[string]], resp3test.Array(resp3test.BulkString("a"), resp3test.Null(), resp3test.NullBulkString()), []baton.Opt[string]{some("a"), {}, {}}},
		"Opts of numbers":           {as[[]baton.Opt[float64]], resp3test.Array(resp3test.Null(), resp3test.Double(1.5)), []baton.Opt[float64]{{}, {V: 1.5, OK: true}}},
		"Opt":                       {as[baton.Opt[int64]], resp3test.Null(), baton.Opt[int64]{}},
		"pointer":                   {as[*string], resp3test.BulkString("x"), &text},
		"nil pointer":               {as[*string], resp3test.NullBulkString(), (*string)(nil)},
		"pointers":                  {as[[]*string], resp3test.Array(resp3test.NullBulkString(), resp3test.BulkString("x")), []*string{nil, &text}},
		"null of a database":        {as[sql.NullInt64], resp3test.Null(), sql.NullInt64{}},
		"a value of a database":     {as[sql.Null[int64]], resp3test.BulkString("7"), sql.Null[int64]{V: 7, Valid: true}},
		"null among texts":          {as[[]string], resp3test.Array(resp3test.BulkString("a"), resp3test.Null(), resp3test.NullBulkString(), resp3test.BulkString("b")), []string{"a", "", "", "b"}},
		"null among named texts":    {as[[]id], resp3test.Array(resp3test.Null(), resp3test.BulkString("b")), []id{"", "b"}},
		"null in a named list":      {as[names], resp3test.Array(resp3test.Null(), resp3test.BulkString("b")), names{"", "b"}},
		"null in a list of lists":   {as[[][]string], resp3test.Array(resp3test.Array(resp3test.BulkString("a"), resp3test.Null())), [][]string{{"a", ""}}},
		"null of a map":             {as[map[string]string], resp3test.Map(resp3test.BulkString("k"), resp3test.Null()), map[string]string{"k": ""}},
		"null of a map by id":       {as[map[id]id], resp3test.Array(resp3test.BulkString("k"), resp3test.NullBulkString()), map[id]id{"k": ""}},
		"null in pairs":             {as[[]string], resp3test.Array(two(resp3test.BulkString("k"), resp3test.Null())), []string{"k", ""}},
		"named":                     {as[id], resp3test.BulkString("x"), id("x")},
		"named number":              {as[grade], resp3test.BulkString("-3"), grade(-3)},
		"named list":                {as[names], resp3test.Array(strs("a")...), names{"a"}},
		"lists of lists":            {as[[][]string], resp3test.Array(resp3test.Array(strs("a", "b", "c")...), resp3test.Array()), [][]string{{"a", "b", "c"}, {}}},
		"small":                     {as[int8], resp3test.Integer(-128), int8(-128)},
		"float32":                   {as[float32], resp3test.BulkString("0.1"), float32(0.1)},
		"float32 below zero":        {as[float32], resp3test.Double(-1.5), float32(-1.5)},
		"infinity as Go writes it":  {as[float64], resp3test.BulkString("+Inf"), math.Inf(1)},
		"infinities":                {as[[]float64], resp3test.Array(strs("inf", "-Inf", "Infinity")...), []float64{math.Inf(1), math.Inf(-1), math.Inf(1)}},
		"text before binary":        {as[uuid], resp3test.BulkString("0102-0304"), uuid{1, 2, 3, 4}},
		"binary":                    {as[bits], resp3test.BulkString("\x01\x02"), bits{1, 2}},
		"address":                   {as[netip.Addr], resp3test.BulkString("10.0.0.1"), netip.MustParseAddr("10.0.0.1")},
		"time":                      {as[time.Time], resp3test.BulkString("2026-01-02T03:04:05Z"), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
		"duration":                  {as[time.Duration], resp3test.Integer(1500), 1500 * time.Millisecond},
		"part of a millisecond":     {as[time.Duration], resp3test.BulkString("-0.000001"), time.Duration(-1)},
		"any text":                  {as[any], resp3test.BulkString("x"), "x"},
		"any number":                {as[any], resp3test.Integer(7), int64(7)},
		"anything":                  {as[any], resp3test.Array(resp3test.Null(), resp3test.Boolean(true), resp3test.Double(1.5), resp3test.Map(resp3test.BulkString("k"), resp3test.Set())), []any{nil, true, 1.5, map[string]any{"k": []any{}}}},
		"any list":                  {as[[]any], resp3test.Array(resp3test.BulkString("a"), resp3test.Null()), []any{"a", nil}},
		"keys that differ, no text": {as[map[string]string], resp3test.Array(resp3test.Integer(1), resp3test.BulkString("a"), resp3test.Integer(2), resp3test.BulkString("b")), map[string]string{"1": "a", "2": "b"}},
	} {
		got, err := tt.as(tt.v)
		if assert.NoError(t, err, name) {
			assert.Equal(t, tt.want, got, name)
		}
	}
	lacks, err := baton.As[[][]byte](resp3test.Array(resp3test.NullBulkString(), resp3test.BulkString("")), nil)
	require.NoError(t, err)
	assert.Equal(t, [][]byte{nil, {}}, lacks)
	for _, text := range []string{"nan", "NaN", "-nan", "+nan", "nan(0x1)"} {
		nan, err := baton.As[float64](resp3test.BulkString(text), nil)
		require.NoError(t, err, text)
		assert.True(t, math.IsNaN(nan), text)
		small, err := baton.As[float32](resp3test.BulkString(text), nil)
		require.NoError(t, err, text)
		assert.True(t, math.IsNaN(float64(small)), text)
	}
	huge, err := baton.As[[]*big.Int](resp3test.Array(resp3test.BulkString("123456789012345678901234567890")), nil)
	require.NoError(t, err)
	assert.Equal(t, "123456789012345678901234567890", huge[0].String())
}

// A TypeError says that the reply is not what was asked for. It is never Nil, which would mean that there is no such key.
func TestNothingVanishesFromAReply(t *testing.T) {
	a, list := resp3test.BulkString("a"), resp3test.Array
	for name, tt := range map[string]struct {
		as func(resp3.Value) (any, error)
		v  resp3.Value
	}{
		"odd list as a map":            {as[map[string]string], list(strs("a", "b", "c")...)},
		"odd set as a map":             {as[map[string]string], resp3test.Set(a)},
		"odd list as a map of values":  {as[map[string]resp3.Value], list(a)},
		"odd list as a map of numbers": {as[map[string]int], list(a)},
		"triples":                      {as[map[string]string], list(list(strs("a", "b", "c")...), list(strs("d", "e", "f")...))},
		"one triple":                   {as[map[string]string], list(list(strs("a", "b", "c")...))},
		"pair and triple":              {as[map[string]string], list(two(a, a), list(strs("d", "e", "f")...))},
		"pair and text":                {as[map[string]string], list(two(a, a), a)},
		"text and pair":                {as[map[string]string], list(a, two(a, a))},
		"empty ones":                   {as[map[string]string], list(list(), list())},
		"an empty one":                 {as[map[string]string], list(list())},
		"pairs of pairs":               {as[map[string]string], list(two(two(a, a), a))},
		"a key twice":                  {as[map[string]string], list(strs("a", "1", "a", "2")...)},
		"a key of a map twice":         {as[map[string]resp3.Value], resp3test.Map(a, a, a, list())},
		"a key twice by numbers":       {as[map[string]int64], list(strs("a", "1", "a", "2")...)},
		"a number twice":               {as[map[int]string], list(strs("1", "a", "01", "b")...)},
		"a null as key":                {as[map[string]string], list(resp3test.Null(), a)},
		"a null as a number of a map":  {as[map[string]int64], resp3test.Map(a, resp3test.Null())},
		"a null as a list of a map":    {as[map[string][]string], resp3test.Map(a, resp3test.Null())},
		"a null as a key of any map":   {as[map[id]string], list(resp3test.Null(), a)},
		"a null among bools":           {as[[]bool], list(resp3test.Null())},
		"a null among texts of times":  {as[[]time.Time], list(resp3test.NullBulkString())},
		"a null among numbers":         {as[[]int], list(resp3test.NullBulkString())},
		"a null among lists":           {as[[][]string], list(resp3test.NullArray())},
		"a list among texts":           {as[[]string], list(a, list(a))},
		"a pair among texts":           {as[[]string], list(two(a, a), a)},
		"a pair of lists":              {as[[]string], list(two(a, list()))},
		"a text as a list":             {as[[]string], a},
		"a text as ints":               {as[[]int], a},
		"a text as a map":              {as[map[string]string], a},
		"a number as a map":            {as[map[string]int], resp3test.Integer(1)},
		"a list as a text":             {as[string], list(a)},
		"a list as a number":           {as[int], list(a)},
		"a list as a bool":             {as[bool], list(a)},
		"a list as a named text":       {as[id], list(a)},
		"a list as a big number":       {as[*big.Int], list(a)},
		"a list as a time":             {as[time.Time], list(a)},
		"a text as a number":           {as[int], a},
		"a text as a float":            {as[float64], a},
		"a text as a small float":      {as[float32], a},
		"a text as a big number":       {as[*big.Int], a},
		"a text as a time":             {as[time.Time], a},
		"a text as an address":         {as[netip.Addr], a},
		"a text as bits":               {as[bits], a},
		"a text as a duration":         {as[time.Duration], a},
		"a sign as a duration":         {as[time.Duration], resp3test.BulkString("-")},
		"too fine for a duration":      {as[time.Duration], resp3test.BulkString("0.0000001")},
		"too long for a duration":      {as[time.Duration], resp3test.Integer(math.MaxInt64)},
		"a text as a pointer":          {as[*int], a},
		"a text as an Opt":             {as[baton.Opt[int]], a},
		"part of a number":             {as[int64], resp3test.Double(1.5)},
		"part of an int":               {as[int], resp3test.BulkString("1.5")},
		"a double out of reach":        {as[int64], resp3test.Double(1e19)},
		"infinity":                     {as[int64], resp3test.Double(math.Inf(1))},
		"not a number":                 {as[uint64], resp3test.Double(math.NaN())},
		"too large for int8":           {as[int8], resp3test.Integer(128)},
		"too large for uint8":          {as[uint8], resp3test.Integer(256)},
		"below zero":                   {as[uint], resp3test.Integer(-1)},
		"below zero, 64 bits":          {as[uint64], resp3test.Integer(-1)},
		"above 64 bits":                {as[uint64], resp3test.BulkString("18446744073709551616")},
		"too large for float32":        {as[float32], resp3test.BulkString("1e99")},
		"two as a bool":                {as[bool], resp3test.Integer(2)},
		"yes as a bool":                {as[bool], resp3test.BulkString("yes")},
		"OK that is no status":         {as[bool], resp3test.BulkString("OK")},
		"QUEUED as a bool":             {as[bool], resp3test.SimpleString("QUEUED")},
		"a list as a key of any map":   {as[map[any]string], list(list(), a)},
	} {
		got, err := tt.as(tt.v)
		var te *resp3.TypeError
		assert.ErrorAs(t, err, &te, "%s: %v", name, got)
		assert.NotErrorIs(t, err, baton.Nil, name)
	}
	for name, as := range map[string]func(resp3.Value) (any, error){"id": as[id], "ints": as[[]int], "list": as[[]any], "any": as[any], "time": as[time.Time], "map": as[map[string]int], "big": as[*big.Int]} {
		_, err := as(resp3test.Null())
		assert.ErrorIs(t, err, baton.Nil, name)
	}
	for _, as := range []func(resp3.Value) (any, error){as[[]int], as[[]any], as[any], as[map[string]int]} {
		_, err := as(list(resp3test.SimpleError("ERR in it"), a))
		assert.ErrorContains(t, err, "ERR in it")
	}
}

// The same program has to work in both protocols, which spell numbers, booleans and pairs in two ways.
func TestRepliesAreTheSameInBothProtocols(t *testing.T) {
	addr, ctx := redistest.Start(t), t.Context()
	in2 := open(t, baton.Options{Addr: addr, Protocol: 2})
	in3 := open(t, baton.Options{Addr: addr, Protocol: 3})
	prepare := [][]any{
		{"ZADD", "z", 1, "a", 2, "b", 2.5, "c"}, {"ZADD", "one", 7, "m"}, {"ZADD", "large", "1e17", "m"},
		{"HSET", "h", "f", 1, "g", 2}, {"HSET", "h1", "f", "v"}, {"SADD", "s", "m"}, {"XADD", "x", "1-1", "f", "v"}, {"XADD", "y", "1-1", "f", "v"}, {"SET", "t", "true"},
	}
	for _, tt := range []struct {
		args []any
		as   func(resp3.Value, error) (any, error)
		want any // an error: TypeError
	}{
		{args("ZSCORE", "z", "a"), of[int64], int64(1)}, {args("ZSCORE", "z", "a"), of[int], 1}, {args("ZSCORE", "z", "a"), of[uint64], uint64(1)},
		{args("ZSCORE", "z", "a"), of[string], "1"}, {args("ZSCORE", "z", "c"), of[string], "2.5"}, {args("ZSCORE", "z", "c"), of[float64], 2.5},
		{args("ZSCORE", "z", "a"), of[bool], true}, {args("ZSCORE", "z", "c"), of[int64], nil}, {args("ZSCORE", "large", "m"), of[int64], int64(1e17)},
		{args("ZINCRBY", "z", 1, "a"), of[int64], int64(2)}, {args("ZADD", "z", "INCR", 1, "a"), of[int], 2}, {args("ZADD", "z", "INCR", 1, "a"), of[grade], grade(2)},
		{args("ZMSCORE", "z", "a", "b"), of[[]int64], []int64{1, 2}}, {args("ZMSCORE", "z", "a", "b"), of[[]string], []string{"1", "2"}},
		{args("ZMSCORE", "z", "a", "none"), of[[]int64], nil}, {args("ZMSCORE", "z", "a", "none"), of[[]baton.Opt[int64]], []baton.Opt[int64]{{V: 1, OK: true}, {}}},
		{args("ZRANGE", "z", 0, -1, "WITHSCORES"), of[[]string], []string{"a", "1", "b", "2", "c", "2.5"}},
		{args("ZRANGE", "z", 0, -1, "WITHSCORES"), of[map[string]string], map[string]string{"a": "1", "b": "2", "c": "2.5"}},
		{args("ZRANGE", "z", 0, 0, "WITHSCORES"), of[map[string]float64], map[string]float64{"a": 1}},
		{args("ZRANGEBYSCORE", "z", 0, 2, "WITHSCORES"), of[map[string]int64], map[string]int64{"a": 1, "b": 2}},
		{args("ZRANDMEMBER", "one", 1, "WITHSCORES"), of[map[string]int], map[string]int{"m": 7}},
		{args("ZUNION", 1, "one", "WITHSCORES"), of[[]string], []string{"m", "7"}},
		{args("ZPOPMIN", "z"), of[map[string]int64], map[string]int64{"a": 1}}, {args("ZPOPMIN", "z", 1), of[map[string]int64], map[string]int64{"a": 1}},
		{args("ZPOPMAX", "z", 2), of[[]string], []string{"c", "2.5", "b", "2"}}, {args("ZPOPMIN", "z", 1), of[[]string], []string{"a", "1"}},
		{args("ZPOPMIN", "none", 1), of[map[string]string], map[string]string{}}, {args("ZRANGE", "z", 0, -1), of[map[string]string], nil},
		{args("HGETALL", "h"), of[map[string]string], map[string]string{"f": "1", "g": "2"}}, {args("HGETALL", "h"), of[map[string]int], map[string]int{"f": 1, "g": 2}},
		{args("HGETALL", "h"), of[[]string], []string{"f", "1", "g", "2"}}, {args("HGETALL", "none"), of[map[string]string], map[string]string{}},
		{args("HRANDFIELD", "h1", 1, "WITHVALUES"), of[map[string]string], map[string]string{"f": "v"}}, {args("HRANDFIELD", "h1", 1, "WITHVALUES"), of[[]string], []string{"f", "v"}},
		{args("HRANDFIELD", "h1", -2, "WITHVALUES"), of[map[string]string], nil},
		{args("SMEMBERS", "s"), of[[]string], []string{"m"}}, {args("SMEMBERS", "s"), of[map[string]string], nil},
		{args("SISMEMBER", "s", "m"), of[bool], true}, {args("SISMEMBER", "s", "m"), of[string], "1"}, {args("SMISMEMBER", "s", "m", "n"), of[[]bool], []bool{true, false}},
		{args("XREAD", "STREAMS", "x", 0), of[map[string][]resp3.Value], map[string]int{"x": 1}},
		{args("XREAD", "STREAMS", "x", "y", 0, 0), of[map[string][]resp3.Value], map[string]int{"x": 1, "y": 1}},
		{args("XREAD", "STREAMS", "x", "y", "x", 0, 0, 0), of[map[string][]resp3.Value], nil}, {args("XREAD", "STREAMS", "x", "x", 0, 0), of[map[string]resp3.Value], nil},
		{args("EVAL", "redis.setresp(3); return true", 0), of[string], "1"}, {args("EVAL", "redis.setresp(3); return true", 0), of[int64], int64(1)},
		{args("EVAL", "redis.setresp(3); return true", 0), of[float64], 1.0}, {args("EVAL", "redis.setresp(3); return true", 0), of[bool], true},
		{args("EVAL", "return {double=3}", 0), of[int64], int64(3)}, {args("EVAL", "return {double=3.5}", 0), of[string], "3.5"}, {args("EVAL", "return {double=3.5}", 0), of[int64], nil},
		{args("GET", "t"), of[bool], true}, {args("SET", "t", 1), of[bool], true}, {args("CONFIG", "GET", "maxmemory"), of[map[string]int64], map[string]int64{"maxmemory": 0}},
		{args("MGET", "t", "none"), of[[]string], []string{"true", ""}}, {args("HMGET", "h", "f", "none"), of[[][]byte], [][]byte{[]byte("1"), nil}},
		{args("MGET", "t", "none"), of[[]int], nil}, {args("MGET", "t", "none"), of[[]baton.Opt[string]], []baton.Opt[string]{{V: "true", OK: true}, {}}},
	} {
		for protocol, c := range map[int]*baton.Client{2: in2, 3: in3} {
			where := fmt.Sprintf("%v in RESP%d", tt.args, protocol)
			require.NoError(t, c.FlushDB(ctx))
			for _, p := range prepare {
				_, err := c.Do(ctx, p...)
				require.NoError(t, err)
			}
			got, err := tt.as(c.Do(ctx, tt.args...))
			if tt.want == nil {
				assert.ErrorAs(t, err, new(*resp3.TypeError), where)
				continue
			}
			if assert.NoError(t, err, where) {
				assert.Equal(t, tt.want, sized(got), where)
			}
		}
	}
}

func of[T any](v resp3.Value, err error) (any, error) { return baton.As[T](v, err) }

// sized shows how many elements each stream has.
func sized(got any) any {
	m, ok := got.(map[string][]resp3.Value)
	if !ok {
		return got
	}
	out := map[string]int{}
	for k, v := range m {
		out[k] = len(v)
	}
	return out
}

// A value that one way has written is found and read by every other way.
func TestValuesAreWrittenAndReadByOneRule(t *testing.T) {
	c, ctx := open(t, baton.Options{Addr: redistest.Start(t)}), t.Context()
	roundTrip(t, c, "text", "text")
	roundTrip(t, c, []byte("\x00\r\n"), "\x00\r\n")
	roundTrip(t, c, -7, "-7")
	roundTrip(t, c, uint64(math.MaxUint64), "18446744073709551615")
	roundTrip(t, c, 0.1, "0.1")
	roundTrip(t, c, float32(0.1), "0.1")
	roundTrip(t, c, true, "1")
	roundTrip(t, c, id("x"), "x")
	roundTrip(t, c, grade(-3), "-3")
	roundTrip(t, c, uuid{1, 2, 3, 4}, "0102-0304")
	roundTrip(t, c, bits{1, 2}, "\x01\x02")
	roundTrip(t, c, netip.MustParseAddr("fe80::1%eth0"), "fe80::1%eth0")
	roundTrip(t, c, netip.MustParsePrefix("10.0.0.0/8"), "10.0.0.0/8")
	roundTrip(t, c, net.IP{10, 0, 0, 1}.To16(), "10.0.0.1")
	roundTrip(t, c, time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), "2026-01-02T03:04:05.000000006Z")
	roundTrip(t, c, time.March, "3")
	roundTrip(t, c, 1500*time.Millisecond, "1500")
	roundTrip(t, c, *big.NewInt(1 << 40), "1099511627776")
	_, err := c.SAdd(ctx, "set", "10.0.0.1")
	require.NoError(t, err)
	is, err := baton.As[bool](c.Do(ctx, "SISMEMBER", "set", netip.MustParseAddr("10.0.0.1")))
	require.NoError(t, err)
	assert.True(t, is, "the value and its text are the same member")
}

func roundTrip[T any](t *testing.T, c *baton.Client, v T, text string) {
	t.Helper()
	type held struct {
		V T `redis:"v"`
	}
	ctx, where := context.Background(), fmt.Sprintf("%T", v)
	require.NoError(t, c.FlushDB(ctx))
	_, err := baton.HSetStruct(ctx, c, "struct", &held{v})
	require.NoError(t, err, where)
	_, err = c.Do(ctx, "HSET", "do", "v", v)
	require.NoError(t, err, where)
	_, err = baton.NewScript("return redis.call('HSET', KEYS[1], 'v', ARGV[1])").Run(ctx, c, []string{"script"}, v)
	require.NoError(t, err, where)
	var read, counted = baton.Reply[held]{}, baton.Reply[int64]{}
	require.NoError(t, c.Pipeline(ctx, func(p *baton.Pipe) error {
		p.Do("HSET", "pipe", "v", v)
		counted = baton.PipeHSetStruct(p, "piped struct", &held{v})
		read = baton.PipeHGetAllAs[held](p, "piped struct")
		return nil
	}))
	n, err := counted.Get()
	require.NoError(t, err)
	assert.EqualValues(t, 1, n)
	got, err := read.Get()
	require.NoError(t, err, where)
	assert.Equal(t, v, got.V, where)
	for _, key := range []string{"struct", "do", "script", "pipe", "piped struct"} {
		s, err := c.HGet(ctx, key, "v")
		require.NoError(t, err)
		assert.Equal(t, text, s, "%s by %s", where, key)
		got, err := baton.HGetAllAs[held](ctx, c, key)
		require.NoError(t, err, where)
		assert.Equal(t, v, got.V, "%s by %s", where, key)
	}
	one, err := baton.As[T](c.Do(ctx, "HGET", "do", "v"))
	if _, isBig := any(v).(big.Int); !isBig {
		require.NoError(t, err, where)
		assert.Equal(t, v, one, where)
	}
	all, err := baton.As[[]T](c.Do(ctx, "HVALS", "do"))
	require.NoError(t, err, where)
	assert.Equal(t, []T{v}, all, where)
}
