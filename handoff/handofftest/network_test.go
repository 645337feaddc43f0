package handofftest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/handoff/handofftest"
)

// pair is a connection of a network with nothing else on it.
func pair(t *testing.T) (client, server net.Conn) {
	n := handofftest.NewNetwork()
	l, err := n.Listen("10.0.0.1:1000")
	require.NoError(t, err)
	client, err = n.DialContext(t.Context(), "tcp", "10.0.0.1:1000")
	require.NoError(t, err)
	server, err = l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = client.Close()
		_ = server.Close()
		_ = l.Close()
	})
	return client, server
}

func TestNetworkDeliversWhatWasSentBeforeClose(t *testing.T) {
	client, server := pair(t)
	_, err := client.Write([]byte("last words"))
	require.NoError(t, err)
	require.NoError(t, client.Close())
	b, err := io.ReadAll(server)
	require.NoError(t, err)
	assert.Equal(t, "last words", string(b))
	_, err = server.Write([]byte("x"))
	require.ErrorIs(t, err, syscall.EPIPE)
	_, err = client.Read(make([]byte, 1))
	require.ErrorIs(t, err, net.ErrClosed)
	require.ErrorIs(t, client.Close(), net.ErrClosed)
}

func TestNetworkResetLosesWhatWasNotRead(t *testing.T) {
	client, server := pair(t)
	_, err := client.Write([]byte("lost"))
	require.NoError(t, err)
	require.NoError(t, client.(interface{ SetLinger(int) error }).SetLinger(0))
	require.NoError(t, client.Close())
	_, err = server.Read(make([]byte, 8))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	_, err = server.Write([]byte("x"))
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

func TestNetworkHalfCloseLeavesTheOtherDirection(t *testing.T) {
	client, server := pair(t)
	require.NoError(t, client.(interface{ CloseWrite() error }).CloseWrite())
	_, err := server.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	_, err = server.Write([]byte("still here"))
	require.NoError(t, err)
	b := make([]byte, 10)
	_, err = io.ReadFull(client, b)
	require.NoError(t, err)
	assert.Equal(t, "still here", string(b))
}

func TestNetworkReadDeadlineEndsOneRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pair(t)
		begin := time.Now()
		require.NoError(t, client.SetReadDeadline(begin.Add(3*time.Second)))
		_, err := client.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		var timeout net.Error
		require.ErrorAs(t, err, &timeout)
		assert.True(t, timeout.Timeout())
		assert.Equal(t, 3*time.Second, time.Since(begin))

		require.NoError(t, client.SetReadDeadline(time.Time{}))
		_, err = server.Write([]byte("k"))
		require.NoError(t, err)
		n, err := client.Read(make([]byte, 1))
		require.NoError(t, err, "the connection outlives its deadline")
		assert.Equal(t, 1, n)
	})
}

func TestNetworkDeadlineMayMoveWhileReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := pair(t)
		begin := time.Now()
		require.NoError(t, client.SetReadDeadline(begin.Add(time.Hour)))
		failed := make(chan error, 1)
		go func() {
			_, err := client.Read(make([]byte, 1))
			failed <- err
		}()
		synctest.Wait()
		require.NoError(t, client.SetReadDeadline(begin.Add(time.Second)))
		require.ErrorIs(t, <-failed, os.ErrDeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(begin))
	})
}

func TestNetworkWriterWaitsForAReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pair(t)
		begin := time.Now()
		require.NoError(t, client.SetWriteDeadline(begin.Add(time.Second)))
		n, err := client.Write(make([]byte, 1<<20))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		assert.Equal(t, 64<<10, n, "as much as one direction buffers")
		assert.Equal(t, time.Second, time.Since(begin))

		require.NoError(t, client.SetWriteDeadline(time.Time{}))
		done := make(chan error, 1)
		go func() {
			_, err := client.Write(make([]byte, 1<<20))
			done <- errors.Join(err, client.Close())
		}()
		got, err := io.Copy(io.Discard, server)
		require.NoError(t, err)
		assert.EqualValues(t, 64<<10+1<<20, got)
		require.NoError(t, <-done)
	})
}

func TestNetworkCloseWakesEverybody(t *testing.T) {
	for _, closer := range []string{"client", "server"} {
		synctest.Test(t, func(t *testing.T) {
			client, server := pair(t)
			ended := make(chan error, 2)
			go func() { _, err := client.Read(make([]byte, 1)); ended <- err }()
			go func() { _, err := client.Write(make([]byte, 1<<20)); ended <- err }()
			synctest.Wait()
			require.NoError(t, map[string]net.Conn{"client": client, "server": server}[closer].Close())
			for range 2 {
				require.Error(t, <-ended)
			}
		})
	}
}

func TestNetworkRefusesWhereNobodyListens(t *testing.T) {
	n := handofftest.NewNetwork()
	_, err := n.DialContext(t.Context(), "tcp", "10.0.0.1:1")
	require.ErrorIs(t, err, syscall.ECONNREFUSED)

	l, err := n.Listen("10.0.0.1:1")
	require.NoError(t, err)
	_, err = n.Listen("10.0.0.1:1")
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	waiting, err := n.DialContext(t.Context(), "tcp", "10.0.0.1:1")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, err = waiting.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET, "never accepted")
	_, err = l.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = n.DialContext(t.Context(), "tcp", "10.0.0.1:1")
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	l, err = n.Listen("10.0.0.1:1")
	require.NoError(t, err, "a closed address can be opened again")
	require.NoError(t, l.Close())

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = n.DialContext(ctx, "tcp", "10.0.0.1:1")
	require.ErrorIs(t, err, context.Canceled)
}

func TestNetworkResolvesNamesInTheirOrder(t *testing.T) {
	n := handofftest.NewNetwork()
	l, err := n.Listen("[2001:db8::2]:5")
	require.NoError(t, err)
	defer l.Close()
	n.SetHost("db.example", "10.0.0.1", "2001:db8::2")
	c, err := n.DialContext(t.Context(), "tcp", "db.example:5")
	require.NoError(t, err, "the second address answers")
	assert.Equal(t, "[2001:db8::2]:5", c.RemoteAddr().String())
	require.NoError(t, c.Close())

	ips, err := n.LookupHost(t.Context(), "db.example")
	require.NoError(t, err)
	assert.Equal(t, []string{"10.0.0.1", "2001:db8::2"}, ips)
	n.SetHost("db.example")
	_, err = n.LookupHost(t.Context(), "db.example")
	var dns *net.DNSError
	require.ErrorAs(t, err, &dns)
	assert.True(t, dns.IsNotFound)
}

func TestNetworkAddressesReadLikeTCP(t *testing.T) {
	client, server := pair(t)
	assert.Equal(t, "10.0.0.1:1000", client.RemoteAddr().String())
	assert.Equal(t, client.LocalAddr().String(), server.RemoteAddr().String())
	host, port, err := net.SplitHostPort(server.RemoteAddr().String())
	require.NoError(t, err)
	assert.NotNil(t, net.ParseIP(host))
	assert.NotEqual(t, "0", port)

	n := handofftest.NewNetwork()
	a, err := n.Listen("127.0.0.1:0")
	require.NoError(t, err)
	b, err := n.Listen(":0")
	require.NoError(t, err)
	assert.NotEqual(t, a.Addr().String(), b.Addr().String())
}
