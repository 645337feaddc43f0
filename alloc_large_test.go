//go:build !race

package baton_test

import (
	"bytes"
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/internal/redistest"
)

// A large write allocates next to nothing, of whatever size the value is.
func TestLargeWritesAllocateLittle(t *testing.T) {
	ctx := context.Background()
	c := open(t, baton.Options{Addr: redistest.Start(t)})
	value := bytes.Repeat([]byte("v"), 1<<20)
	text := string(value)
	for name, write := range map[string]func() error{
		"SetBytes 64 KiB":  func() error { _, err := c.SetBytes(ctx, "k", value[:64<<10]); return err },
		"SetBytes 256 KiB": func() error { _, err := c.SetBytes(ctx, "k", value[:256<<10]); return err },
		"SetBytes 1 MiB":   func() error { _, err := c.SetBytes(ctx, "k", value); return err },
		"Set 64 KiB":       func() error { _, err := c.Set(ctx, "k", text[:64<<10]); return err },
		"Set 1 MiB":        func() error { _, err := c.Set(ctx, "k", text); return err },
		"HSet 64 KiB":      func() error { _, err := c.HSet(ctx, "h", "f", text[:64<<10]); return err },
		"MSet 4 x 64 KiB": func() error {
			return c.MSet(ctx, "1", text[:64<<10], "2", text[:64<<10], "3", text[:64<<10], "4", text[:64<<10])
		},
		"XAdd 64 KiB": func() error { _, err := c.XAdd(ctx, "x", baton.AutoID, "f", text[:64<<10]); return err },
		"pipeline of 8": func() error {
			return c.Pipeline(ctx, func(p *baton.Pipe) error {
				for range 4 {
					p.Set("k", text[:64<<10])
					p.SetBytes("k", value[:64<<10])
				}
				return nil
			})
		},
	} {
		least := uint64(1 << 60)
		for range 5 { // a collection empties the pools of buffers
			least = min(least, allocated(t, 20, write))
		}
		assert.LessOrEqual(t, least, uint64(1<<10), "bytes a call of %s", name)
	}
	assert.Greater(t, allocated(t, 1, func() error { sink = make([]byte, 64<<10); return nil }), uint64(64<<10)-1, "the control")
}

// allocated returns how many bytes a call allocates.
func allocated(t *testing.T, n int, call func() error) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		require.NoError(t, call())
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / uint64(n)
}
