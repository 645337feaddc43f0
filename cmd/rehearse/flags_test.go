package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDefaultRunIsShort(t *testing.T) {
	p, err := parseFlags(nil, nil)
	require.NoError(t, err)
	require.Less(t, p.length(), 10*time.Second)
}

func TestBadFlags(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"-workers", "0"}, "-workers is 0, limits 1 to 4096"},
		{[]string{"-rate", "-1"}, "-rate is -1, limits 0 to 1000000"},
		{[]string{"-moves", "51"}, "-moves is 51, limits 1 to 50"},
		{[]string{"-grace", "1500ms"}, "-grace is 1.5s, must be whole seconds"},
		{[]string{"-grace", "0s"}, "-grace is 0s, limits 1s to 10m0s"},
		{[]string{"-before", "1ms"}, "-before is 1ms, limits 100ms to 10m0s"},
		{[]string{"-after", "11m"}, "-after is 11m0s, limits 100ms to 10m0s"},
		{[]string{"-workers", "many"}, `invalid value "many" for flag -workers`},
		{[]string{"-nonsense"}, "-nonsense"},
		{[]string{"now"}, `argument "now"`},
		{[]string{"-redis", "rediss://host:1"}, "plaintext TCP"},
		{[]string{"-redis", "unix:///tmp/s"}, "plaintext TCP"},
		{[]string{"-redis", "http://host:1"}, `scheme is "http"`},
		{[]string{"-redis", "redis://host:1?pool_size=3"}, "settings after ?"},
		{[]string{"-redis", "host:port"}, "-redis: baton: invalid URL"},
	} {
		_, err := parseFlags(c.args, nil)
		require.ErrorContains(t, err, c.says)
		var out, errs bytes.Buffer
		require.Equal(t, exitNothing, run(t.Context(), c.args, &out, &errs))
		require.Empty(t, out.String())
		require.Contains(t, errs.String(), c.says)
	}
}

func TestBackendOfURL(t *testing.T) {
	for value, want := range map[string]plan{
		"10.0.0.1:7000":                 {backend: "10.0.0.1:7000"},
		"redis://10.0.0.1":              {backend: "10.0.0.1:6379"},
		"redis://me:secret@[::1]:7/3":   {backend: "[::1]:7", login: login{"me", "secret", 3}},
		"redis://:secret@host.local:70": {backend: "host.local:70", login: login{"", "secret", 0}},
	} {
		var p plan
		require.NoError(t, p.setBackend(value))
		require.Equal(t, want, p)
	}
}

func TestErrorsOfURLHoldNoPassword(t *testing.T) {
	for _, value := range []string{"redis://me:secret@host:port", "redis://me:secret@host:1/x", "redis://me:sec ret%zz@h", "rediss://me:secret@h:1",
		"unix://me:secret@/tmp/s", "ftp://me:secret@h", "redis://me:secret@h?x=secret"} {
		err := new(plan).setBackend(value)
		require.Error(t, err, value)
		require.NotContains(t, err.Error(), "secret")
		require.NotContains(t, err.Error(), "sec ret")
	}
}

func TestHelp(t *testing.T) {
	var out, errs bytes.Buffer
	require.Equal(t, exitPass, run(t.Context(), []string{"-h"}, &out, &errs))
	require.Empty(t, errs.String())
	for _, part := range []string{"-redis", "-null", "Exit status", "half of the grace"} {
		require.Contains(t, out.String(), part)
	}
}
