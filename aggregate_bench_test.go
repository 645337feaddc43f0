package baton_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/internal/redistest"
	"github.com/baton-go/baton/resp3"
)

var hundredKeys = func() (keys []string) {
	for i := range 100 {
		keys = append(keys, fmt.Sprintf("key:%d", i))
	}
	return keys
}()

// BenchmarkAggregates compares large replies as typed methods return them with As(Do) and with the floor: one socket, a
// request encoded in advance, one write, and reads until the known number of bytes is there.
func BenchmarkAggregates(b *testing.B) {
	ctx := context.Background()
	addr := redistest.Start(b)
	c, err := baton.New(baton.Options{Addr: addr})
	require.NoError(b, err)
	defer c.Close()
	value := make([]byte, 64)
	for i := range value {
		value[i] = 'a' + byte(i%26)
	}
	require.NoError(b, c.Pipeline(ctx, func(p *baton.Pipe) error {
		for i := range 1000 {
			p.HSet("hash", fmt.Sprintf("field:%d", i), string(value))
			p.RPush("list", string(value))
		}
		for _, k := range hundredKeys {
			p.Set(k, string(value))
		}
		return nil
	}))
	keys := []any{"MGET"}
	for _, k := range hundredKeys {
		keys = append(keys, k)
	}
	tests := []struct {
		name  string
		args  []any
		typed func() error
		do    func(resp3.Value, error) error
	}{
		{"MGET 100", keys, func() error { _, err := c.MGet(ctx, hundredKeys...); return err },
			func(v resp3.Value, err error) error { _, err = baton.As[[]string](v, err); return err }},
		{"HGETALL 1000", []any{"HGETALL", "hash"}, func() error { _, err := c.HGetAll(ctx, "hash"); return err },
			func(v resp3.Value, err error) error { _, err = baton.As[map[string]string](v, err); return err }},
		{"LRANGE 1000", []any{"LRANGE", "list", 0, -1}, func() error { _, err := c.LRange(ctx, "list", 0, -1); return err },
			func(v resp3.Value, err error) error { _, err = baton.As[[]string](v, err); return err }},
	}
	for _, tt := range tests {
		b.Run(tt.name+"/floor", func(b *testing.B) { floor(b, addr, tt.args) })
		b.Run(tt.name+"/typed", func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if err := tt.typed(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(tt.name+"/as", func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if err := tt.do(c.Do(ctx, tt.args...)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func floor(b *testing.B, addr string, args []any) {
	nc, err := net.Dial("tcp", addr)
	require.NoError(b, err)
	defer nc.Close()
	hello, err := resp3.AppendCommandArgs(nil, "HELLO", 3)
	require.NoError(b, err)
	rd := resp3.NewReader(nc, resp3.Limits{})
	_, err = nc.Write(hello)
	require.NoError(b, err)
	_, err = rd.ReadValue()
	require.NoError(b, err)
	req, err := resp3.AppendCommandArgs(nil, args...)
	require.NoError(b, err)
	_, err = nc.Write(req)
	require.NoError(b, err)
	first, err := rd.ReadValue()
	require.NoError(b, err)
	reply := resp3.AppendValue(nil, first)
	b.ResetTimer()
	for range b.N {
		if _, err := nc.Write(req); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(nc, reply); err != nil {
			b.Fatal(err)
		}
	}
}
