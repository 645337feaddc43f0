package handofftest_test

import (
	"io"
	"net"
	"testing"

	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/resp3"
)

// BenchmarkPipelinedGet is what the server can do for a load rehearsal: batches of
// 100 GETs of 64 bytes over loopback. One op is one command.
func BenchmarkPipelinedGet(b *testing.B) {
	s := handofftest.NewServer(handofftest.Options{})
	defer s.Close()
	n, err := s.Listen("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	c, err := net.Dial("tcp", n.Addr())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	value := make([]byte, 64)
	_, _ = c.Write(resp3.AppendCommand(nil, "SET", "key", string(value)))
	_, _ = io.ReadFull(c, make([]byte, len("+OK\r\n")))

	const batch = 100
	var req []byte
	for range batch {
		req = resp3.AppendCommand(req, "GET", "key")
	}
	reply := make([]byte, batch*len(resp3.AppendBulkString(nil, value)))
	b.ReportAllocs()
	for i := 0; i < b.N; i += batch {
		if _, err := c.Write(req); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, reply); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}
