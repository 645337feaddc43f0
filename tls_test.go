package baton_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/internal/redistest"
)

// selfSigned writes a certificate for a name, and its key, into files that redis-server reads.
func selfSigned(t *testing.T, name string) (certFile, keyFile string, roots *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	certFile, keyFile = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(certFile, cert, 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}), 0o600))
	roots = x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(cert))
	return certFile, keyFile, roots
}

func TestTLSAgainstARealServer(t *testing.T) {
	certFile, keyFile, roots := selfSigned(t, "db.example.com")
	addr, port := "", ""
	for port == "" { // not one that the system gives away: nobody takes it before the server does
		n := strconv.Itoa(20000 + mathrand.N(12000))
		if l, err := net.Listen("tcp", "127.0.0.1:"+n); err == nil {
			addr, port = l.Addr().String(), n
			l.Close()
		}
	}
	plain := redistest.Start(t, "--tls-port", port, "--tls-cert-file", certFile, "--tls-key-file", keyFile,
		"--tls-ca-cert-file", certFile, "--tls-auth-clients", "no")

	c := open(t, baton.Options{Addr: addr, TLS: &tls.Config{RootCAs: roots, ServerName: "db.example.com"}})
	large := strings.Repeat("0123456789", 50_000)
	_, err := c.Set(t.Context(), "large", large)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 20 {
				got, err := c.Get(t.Context(), "large")
				assert.NoError(t, err)
				assert.Equal(t, len(large), len(got))
				_, err = c.Incr(t.Context(), "n")
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
	n, err := baton.As[int64](c.Do(t.Context(), "GET", "n"))
	require.NoError(t, err)
	assert.EqualValues(t, 320, n)

	for name, o := range map[string]baton.Options{
		"another name":      {Addr: addr, TLS: &tls.Config{RootCAs: roots, ServerName: "other.example.com"}},
		"another authority": {Addr: addr, TLS: &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "db.example.com"}},
		"no TLS there":      {Addr: plain, TLS: &tls.Config{RootCAs: roots, ServerName: "db.example.com"}, DialTimeout: 100 * time.Millisecond},
	} {
		assert.Error(t, open(t, o).Ready(t.Context()), name)
	}
}
