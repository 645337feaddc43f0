package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// secure gives the server a certificate of its own making and a port for TLS, and returns the arguments for both.
func (s *server) secure() ([]string, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	key := filepath.Join(s.dir, "key.pem")
	s.TLS, s.Roots = "127.0.0.1:"+strconv.Itoa(port), filepath.Join(s.dir, "cert.pem")
	if err := writeCertificate(s.Roots, key); err != nil {
		return nil, err
	}
	return []string{"--tls-port", strconv.Itoa(port), "--tls-cert-file", s.Roots, "--tls-key-file", key,
		"--tls-ca-cert-file", s.Roots, "--tls-auth-clients", "no"}, nil
}

// writeCertificate makes a certificate for the loopback address that is its own authority.
func writeCertificate(certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}), 0o600)
}

// trusting is the configuration of a client that trusts the certificates in a file.
func trusting(file string) (*tls.Config, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s: no certificate in it", file)
	}
	return &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}, nil
}
