package main

import (
	"bytes"
	"errors"
	"log"
	"testing"

	"github.com/stretchr/testify/require"
)

// Only a machine that stalled excuses a failure, and not for ever.
func TestRehearsalIsRepeatedIfTheMachineStalled(t *testing.T) {
	well := func() *outcome { return good() }
	bad := func() *outcome { o := good(); o.Failed = 1; return o }
	stalled := func(o *outcome) *outcome { o.stalled = true; return o }
	painless := func() *outcome { return &outcome{Control: true, Phases: good().Phases} }
	for name, c := range map[string]struct {
		runs []*outcome // as many as there must be
		exit int
	}{
		"pass":                         {[]*outcome{well()}, exitPass},
		"pass in spite of a stall":     {[]*outcome{stalled(well())}, exitPass},
		"failure without a stall":      {[]*outcome{bad()}, exitFail},
		"pass after stalls":            {[]*outcome{stalled(bad()), stalled(bad()), well()}, exitPass},
		"failure after a stall":        {[]*outcome{stalled(bad()), bad()}, exitFail},
		"stalls for ever":              {[]*outcome{stalled(bad()), stalled(bad()), stalled(bad()), stalled(bad()), stalled(bad())}, exitFail},
		"control without pain":         {[]*outcome{painless()}, exitFail},
		"control on a stalled machine": {[]*outcome{stalled(painless()), painless()}, exitFail},
	} {
		var out bytes.Buffer
		n := 0
		o, v, err := settle(log.New(&out, "", 0), func() (*outcome, error) { n++; return c.runs[n-1], nil })
		require.NoError(t, err)
		require.Len(t, c.runs, n, name)
		require.Equal(t, n, o.Tries, name)
		require.Equal(t, c.exit, v.Exit, name)
		require.Equal(t, n-1, bytes.Count(out.Bytes(), []byte("this machine stalled")), name)
	}
	_, _, err := settle(nil, func() (*outcome, error) { return nil, errors.New("no server") })
	require.EqualError(t, err, "no server")
}
