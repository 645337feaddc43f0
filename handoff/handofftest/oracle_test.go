package handofftest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/handoff/handofftest/resp3test"
	"github.com/baton-go/baton/resp3"
)

func TestCommandLogNamesConnectionAndTimeButNoPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{Password: "sesame"})
		n := g.node("10.0.0.1:6379")
		p := g.dial(n)
		p.do("auth", "sesame")
		p.do("AUTH", "default", "sesame")
		p.do("HELLO", "3", "AUTH", "default", "sesame", "SETNAME", "me")
		begin := time.Now()
		time.Sleep(time.Second) // fake time
		p.do("SET", "k", strings.Repeat("x", 1000))
		var lines []string
		log := g.Commands()
		for _, c := range log {
			lines = append(lines, strings.Join(c.Args, " "))
		}
		assert.Equal(t, []string{
			"auth ***", "AUTH *** ***", "HELLO 3 AUTH *** *** SETNAME me", "SET k " + strings.Repeat("x", 252),
		}, lines)
		assert.Equal(t, handofftest.Command{
			Conn: 1, Node: "10.0.0.1:6379", Time: begin.Add(time.Second), Args: log[3].Args,
		}, log[3])
	})
}

func TestCommandLogKeepsTheLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{})
		p := g.resp3(g.node("10.0.0.1:6379"))
		p.batch(strings.Repeat("PING\n", 5000))
		for range 5000 {
			p.read()
		}
		p.do("ECHO", "last")
		log := g.Commands()
		assert.Len(t, log, 4096)
		assert.Equal(t, []string{"ECHO", "last"}, log[4095].Args)
		assert.Equal(t, []string{"PING"}, log[0].Args)
	})
}

func TestHooksSeeAndAnswerCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		g := newRig(t, handofftest.Options{
			OnCommand: func(c handofftest.ConnInfo, args [][]byte) {
				seen = append(seen, c.Name+":"+string(args[0]))
			},
			Intercept: func(_ handofftest.ConnInfo, args [][]byte) ([]byte, bool) {
				if string(args[0]) != "GET" {
					return nil, false
				}
				return resp3test.AppendSimpleError(nil, "LOADING come back later"), true
			},
		})
		p := g.resp3(g.node("10.0.0.1:6379"))
		p.do("CLIENT", "SETNAME", "me")
		p.batch("PING\nGET k\nECHO x")
		assert.Equal(t, "+PONG\r\n", encoded(p.read()))
		assert.Equal(t, "-LOADING come back later\r\n", encoded(p.read()), "in its turn")
		assert.Equal(t, "$1\r\nx\r\n", encoded(p.read()))
		assert.Equal(t, []string{":HELLO", ":CLIENT", "me:PING", "me:GET", "me:ECHO"}, seen)
		assert.Zero(t, g.Executed("GET"), "the keyspace did not see it")
	})
}

func TestPushesAreRecordedByteForByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, handofftest.Options{})
		n := g.node("10.0.0.1:6379")
		p := g.optedIn(n)
		n.Moving(2*time.Second, "")
		time.Sleep(time.Second) // fake time
		assert.Equal(t, 1, n.Remind())
		assert.Equal(t, 1, n.Push([]byte("+raw\r\n")))
		assert.Equal(t, ">4\r\n$6\r\nMOVING\r\n:0\r\n:2\r\n_\r\n", encoded(p.read()))
		assert.Equal(t, ">4\r\n$6\r\nMOVING\r\n:0\r\n:1\r\n_\r\n", encoded(p.read()))
		assert.Equal(t, "+raw\r\n", encoded(p.read()))
		log := g.Pushes()
		require.Len(t, log, 2)
		assert.Equal(t, ">4\r\n$6\r\nMOVING\r\n:0\r\n:1\r\n_\r\n", string(log[1].Frame))
		assert.Equal(t, time.Second, log[1].Time.Sub(log[0].Time))
	})
}

func TestAnythingButACommandEndsTheConnection(t *testing.T) {
	for _, raw := range []string{"+OK\r\n", "*1\r\n:5\r\n", "*1\r\n$-1\r\n", "*1\r\n*1\r\n$1\r\na\r\n", "$4\r\nPING\r\n", "PING\r\n", "*2\r\n$4\r\nPING\r\n|1\r\n+a\r\n+b\r\n$1\r\nx\r\n"} {
		synctest.Test(t, func(t *testing.T) {
			g := newRig(t, handofftest.Options{})
			n := g.node("10.0.0.1:6379")
			p := g.dial(n)
			_, err := p.conn.Write([]byte(raw))
			require.NoError(t, err)
			time.Sleep(time.Minute) // fake time
			assert.Zero(t, n.Stats().Open, "%q", raw)
		})
	}
}

// TestCloseLeavesNothingBehind counts goroutines over real sockets, with
// connections in every state there is.
func TestCloseLeavesNothingBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	s := handofftest.NewServer(handofftest.Options{})
	n, err := s.Listen("127.0.0.1:0")
	require.NoError(t, err)
	for _, cmd := range []string{"PING", "BLPOP q 0", "SUBSCRIBE ch", "HELLO 3", "MULTI", "WAIT 1 0"} {
		p := tcpPeer(t, n.Addr())
		p.do("PING")
		p.batch(cmd)
	}
	tcpPeer(t, n.Addr()) // says nothing
	n.Stall(true)
	s.Close()
	s.Close()                             // harmless
	for runtime.NumGoroutine() > before { // else the test runs into its time limit, which shows who is left
		runtime.Gosched()
	}
}

func selfSigned(t *testing.T, name string) (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestMaintenanceOverTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cert, pool := selfSigned(t, "db.example")
		g := newRig(t, handofftest.Options{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
		n := g.node("10.0.0.1:6379")
		c, err := g.net.DialContext(t.Context(), "tcp", n.Addr())
		require.NoError(t, err)
		p := newPeer(t, tls.Client(c, &tls.Config{ServerName: "db.example", RootCAs: pool}))
		p.do("HELLO", "3")
		p.do("CLIENT", "MAINT_NOTIFICATIONS", "ON")
		n.Moving(time.Second, "")
		assert.Equal(t, resp3.Push, p.read().Kind())
		n.Shut()
		_, err = p.r.ReadValue()
		require.ErrorContains(t, err, "EOF", "close_notify and FIN")
	})
}

func TestNodeMayHaveACertificateOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		right, pool := selfSigned(t, "db.example")
		wrong, _ := selfSigned(t, "other.example")
		g := newRig(t, handofftest.Options{TLS: &tls.Config{Certificates: []tls.Certificate{right}}})
		n := g.node("10.0.0.1:6379")
		n.SetTLS(&tls.Config{Certificates: []tls.Certificate{wrong}})
		c, err := g.net.DialContext(t.Context(), "tcp", n.Addr())
		require.NoError(t, err)
		defer c.Close()
		err = tls.Client(c, &tls.Config{ServerName: "db.example", RootCAs: pool}).Handshake()
		var invalid *tls.CertificateVerificationError
		require.ErrorAs(t, err, &invalid)
	})
}

func TestLoopbackKillIsAReset(t *testing.T) {
	s := handofftest.NewServer(handofftest.Options{})
	defer s.Close()
	n, err := s.Listen("127.0.0.1:0")
	require.NoError(t, err)
	p := tcpPeer(t, n.Addr())
	require.Equal(t, "PONG", p.text("PING"))
	n.Kill()
	_, err = p.r.ReadValue()
	require.ErrorContains(t, err, "reset")
	_, err = net.Dial("tcp", n.Addr())
	require.Error(t, err)
	require.NoError(t, n.Reopen())
	assert.Equal(t, "PONG", tcpPeer(t, n.Addr()).text("PING"))
}
