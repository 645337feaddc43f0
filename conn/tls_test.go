package conn_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/conn"
	"github.com/baton-go/baton/handoff/handofftest"
)

// authority signs certificates for a test.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, pool: x509.NewCertPool()}
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Now().AddDate(100, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &a.key.PublicKey, a.key)
	require.NoError(t, err)
	a.cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	a.pool.AddCert(a.cert)
	return a
}

// server returns the configuration of a server that is known by names.
func (a *authority) server(names ...string) *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: names,
		NotBefore: time.Unix(0, 0), NotAfter: time.Now().AddDate(100, 0, 0),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	require.NoError(a.t, err)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func (a *authority) client(name string) *tls.Config {
	return &tls.Config{RootCAs: a.pool, ServerName: name}
}

func TestIdleTLSConnectionHearsPushesAndTheEnd(t *testing.T) { // H-11
	a := newAuthority(t)
	server := a.server("db.example.com")
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, handofftest.Options{TLS: server})
		p.cfg.TLS = a.client("db.example.com")
		c := p.dial()
		big := strings.Repeat("v", 200_000)
		p.want(c, "OK", "SET", "big", big)
		p.want(c, big, "GET", "big")
		<-time.After(time.Second)
		p.Server.Migrating(0, "1")
		<-time.After(100 * time.Millisecond)
		assert.Len(t, p.heard(), 1)
		p.A.Shut()
		<-time.After(100 * time.Millisecond)
		assert.Equal(t, conn.Closed, c.State())
	})
}

func TestReadTicksDoNotHurtTLS(t *testing.T) {
	a := newAuthority(t)
	server := a.server("db.example.com")
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, handofftest.Options{TLS: server})
		p.cfg.TLS = a.client("db.example.com")
		c := p.dial()
		for _, ms := range []string{"3", "7", "30", "300", "2000"} { // shorter and longer than a tick, than a look
			p.want(c, "OK", "PAUSE", ms)
			p.want(c, ms, "ECHO", ms)
		}
		assert.EqualValues(t, 1, p.A.Stats().Accepted)
	})
}

func TestMoveVerifiesTheConfiguredName(t *testing.T) { // H-82, H-83
	a, stranger := newAuthority(t), newAuthority(t)
	good := a.server("db.example.com")
	for name, target := range map[string]*tls.Config{
		"right name": good, "other name": a.server("node2.example.com"), "other authority": stranger.server("db.example.com"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, handofftest.Options{TLS: good, Password: secret})
				p.cfg.TLS, p.cfg.Credentials = a.client("db.example.com"), credentials("", secret)
				p.B.SetTLS(target)
				c := p.dial()
				err := p.move(c, time.Second) // the target is an IP address: the name does not come from there
				if target == good {
					require.NoError(t, err)
					assert.Equal(t, addrB, c.Peer())
					return
				}
				require.Error(t, err)
				assert.Contains(t, err.Error(), "certificate")
				assert.Zero(t, p.B.Stats().Commands, "no credentials go to a peer that failed verification")
				p.want(c, "x", "ECHO", "x")
				assert.Equal(t, addrA, c.Peer())
			})
		})
	}
}

func TestPlaintextServerIsNotTakenForTLS(t *testing.T) {
	a := newAuthority(t)
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		p.cfg.TLS = a.client("db.example.com")
		_, err := conn.Dial(t.Context(), p.cfg, addrA)
		require.Error(t, err)
	})
}
