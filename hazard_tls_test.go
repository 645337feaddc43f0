package baton_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/pool"
)

// signer signs certificates for a test.
type signer struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newSigner(t *testing.T) *signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Now().AddDate(100, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &signer{t, key, cert}
}

func (s *signer) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(s.cert)
	return p
}

// issue makes a certificate for a name, for servers and clients.
func (s *signer) issue(name string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(s.t, err)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{name}, NotBefore: time.Unix(0, 0), NotAfter: time.Now().AddDate(100, 0, 0),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, s.cert, &key.PublicKey, s.key)
	require.NoError(s.t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// The name that is configured is shown and verified at the new peer, which is named by its IP; the client's certificate goes
// along. A peer that cannot prove the name gets neither password nor commands, and the old one goes on serving.
func TestMovingOverMutualTLS(t *testing.T) { // H-82, H-83, H-84
	ours, theirs := newSigner(t), newSigner(t)
	server := func(s *signer, name string) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{s.issue(name)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ours.pool()}
	}
	good := server(ours, handofftest.PairName)
	client := &tls.Config{RootCAs: ours.pool(), Certificates: []tls.Certificate{ours.issue("client")}}
	for name, target := range map[string]*tls.Config{
		"covers the name": good, "another name": server(ours, "node2.example.com"), "another authority": server(theirs, handofftest.PairName), "plaintext": nil,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, handofftest.Options{TLS: good, Password: "secret"})
				p.B.SetTLS(target)
				c := p.client(baton.Options{Addr: handofftest.PairName + ":6379", Password: "secret", TLS: client, Pool: pool.Config{MinIdle: 2}})
				defer c.Close()
				<-time.After(time.Second)
				p.A.Moving(15*time.Second, p.B.Addr())
				<-time.After(10 * time.Second)
				_, err := c.Incr(t.Context(), "n")
				require.NoError(t, err)
				if target == good {
					assert.Equal(t, map[string]int{p.B.Addr(): 3}, peers(c))
					return
				}
				assert.Equal(t, map[string]int{p.A.Addr(): 3}, peers(c))
				assert.Positive(t, p.B.Stats().Accepted, "it was tried")
				assert.Zero(t, p.B.Stats().Commands, "and told nothing")
			})
		})
	}
	assert.Empty(t, client.ServerName, "the user's configuration is not changed")
}
