package main

import (
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	baton "github.com/baton-go/baton"
	"github.com/baton-go/baton/resp3"
)

func TestCountCheck(t *testing.T) {
	type result struct{ lost, doubled, crossed int64 }
	for name, c := range map[string]struct {
		count count
		total int64
		want  result
	}{
		"nothing":                      {count{}, 0, result{}},
		"all there":                    {count{acked: 3, sum: 6}, 3, result{}},
		"one lost":                     {count{acked: 3, sum: 6}, 2, result{lost: 1}},
		"one doubled":                  {count{acked: 3, sum: 7}, 4, result{doubled: 1}},
		"uncertain and executed":       {count{acked: 3, possible: 1, sum: 7}, 4, result{}},
		"uncertain and not executed":   {count{acked: 3, possible: 1, sum: 6}, 3, result{}},
		"uncertain and executed twice": {count{acked: 3, possible: 1, sum: 9}, 5, result{doubled: 1}},
		"answers of another counter":   {count{acked: 3, sum: 10}, 3, result{crossed: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var got result
			got.lost, got.doubled, got.crossed = c.count.check(c.total)
			require.Equal(t, c.want, got)
		})
	}
}

func TestCountNoticesAnAnswerThatGoesBack(t *testing.T) {
	var c count
	require.True(t, c.replied(4))
	require.True(t, c.replied(9))
	require.False(t, c.replied(9))
	require.False(t, c.replied(3))
	require.EqualValues(t, 4, c.acked)
}

func TestKeyringTellsWhoseValueItIs(t *testing.T) {
	k := newKeyring(12)
	require.NotEqual(t, k.values, newKeyring(12).values, "prefix is random")
	n, ok := k.version(1, k.appendValue(nil, 1, 42))
	require.True(t, ok)
	require.EqualValues(t, 42, n)
	for _, alien := range []string{"", "OK", "42", string(k.appendValue(nil, 11, 42)), string(k.marks[1]), string(k.marks[1]) + "4x"} {
		_, ok := k.version(1, []byte(alien))
		require.False(t, ok, "%q", alien)
	}
}

func TestWorkerInspects(t *testing.T) {
	k := newKeyring(3)
	w := newWorker(&load{keys: k}, 1, 0)
	w.written = written{acked: 5, tried: 6}
	for _, n := range []int64{5, 6} {
		w.inspect(1, k.appendValue(nil, 1, n))
	}
	w.inspect(2, k.appendValue(nil, 2, 1))
	require.Zero(t, w.found.crossed+w.found.stale)
	w.inspect(1, k.appendValue(nil, 1, 4))
	require.EqualValues(t, 1, w.found.stale)
	w.inspect(1, k.appendValue(nil, 2, 5))
	require.EqualValues(t, 1, w.found.crossed)
	require.EqualValues(t, 5, w.found.checked)
}

func TestWorkerCountsUncertainIncrements(t *testing.T) {
	w := newWorker(&load{}, 0, 0)
	w.incremented(0, 0, &baton.OpError{Err: io.EOF})
	w.incremented(0, 0, &resp3.Error{Code: "OOM"})
	w.incremented(0, 0, baton.ErrClosed)
	require.Zero(t, w.found.counts[0].possible)
	w.incremented(0, 0, &baton.OpError{Sent: true, Err: io.EOF})
	w.incremented(0, 0, errors.New("who knows"))
	require.Equal(t, count{possible: 2}, w.found.counts[0])
}

func TestFaultsByKind(t *testing.T) {
	f := errCounts{}
	f.add(&baton.OpError{Command: "GET", Sent: true, Err: io.EOF})
	f.add(&baton.OpError{Command: "SET", Sent: true, Err: io.EOF})
	f.add(&baton.OpError{Command: "SET", Err: io.EOF})
	f.add(&resp3.Error{Code: "READONLY", Message: "no"})
	sum := errCounts{}
	sum.merge(f)
	sum.merge(f)
	require.EqualValues(t, 8, sum.total())
	require.EqualValues(t, 4, f.total())
	require.EqualValues(t, 2, f["connection closed by the server, may have been executed"].Count)
	require.EqualValues(t, 1, f["connection closed by the server, not sent"].Count)
	require.EqualValues(t, 1, f["server error READONLY"].Count)
}
