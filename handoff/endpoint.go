package handoff

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// EndpointType is the form in which the server is asked to name the target of a MOVING (Redis docs, "Smart client
// handoffs", moving-endpoint-type). The zero value, EndpointTypeAuto, is replaced by one of the others for each connection.
type EndpointType uint8

// The endpoint types.
const (
	EndpointTypeAuto EndpointType = iota
	EndpointTypeInternalIP
	EndpointTypeInternalFQDN
	EndpointTypeExternalIP
	EndpointTypeExternalFQDN
	EndpointTypeNone // the server names no target
)

var endpointWords = [...]string{"auto", "internal-ip", "internal-fqdn", "external-ip", "external-fqdn", "none"}

// String returns the word on the wire, "auto" for the zero value.
func (t EndpointType) String() string {
	return wordOf(endpointWords[:], uint8(t), "EndpointType")
}

// detectEndpointType chooses the type for a connection to peer ("ip:port"): with TLS a name, otherwise an address. An
// unknown peer (unix socket, tunnel) gets EndpointTypeNone. 100.64.0.0/10 counts as external, as in most clients.
func detectEndpointType(peer string, tls bool) EndpointType {
	ip, ok := ipOf(peer)
	if !ok {
		return EndpointTypeNone
	}
	b := ip.As16()
	siteLocal := b[0] == 0xfe && b[1]&0xc0 == 0xc0 // deprecated by RFC 3879, still private where it is used
	internal := ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || siteLocal
	switch {
	case internal && tls:
		return EndpointTypeInternalFQDN
	case internal:
		return EndpointTypeInternalIP
	case tls:
		return EndpointTypeExternalFQDN
	}
	return EndpointTypeExternalIP
}

// ipOf returns the address of "ip:port", IPv4 never mapped.
func ipOf(peer string) (netip.Addr, bool) {
	host, port, err := net.SplitHostPort(peer)
	if err != nil || !isPort(port) {
		return netip.Addr{}, false
	}
	ip, err := netip.ParseAddr(host)
	return ip.Unmap(), err == nil
}

// parseEndpoint returns the canonical host:port of an endpoint: names in lower case, IPv6 in brackets, IPv4 never mapped;
// "" for all the ways in which servers and proxies say that there is none.
func parseEndpoint(text, defaultPort string) (string, error) {
	text = strings.Trim(text, blanks)
	switch strings.ToLower(text) {
	case "", "?", "null", "nil", "(nil)", "<nil>":
		return "", nil
	}
	host, port, err := splitEndpoint(text)
	if err != nil {
		return "", err
	}
	if host == "" || host == "?" || strings.EqualFold(host, "null") {
		return "", nil
	}
	if port == "" {
		port = defaultPort
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return "", fmt.Errorf("endpoint %s: port %s, limits 1 to 65535", quote(text), quote(port))
	}
	if host, err = canonicalHost(host); err != nil {
		return "", fmt.Errorf("endpoint %s: %w", quote(text), err)
	}
	return net.JoinHostPort(host, strconv.FormatUint(number, 10)), nil
}

// splitEndpoint cuts at the last colon outside brackets; without brackets, a colon behind a complete IPv6 address
// separates the port. port is "" if there is none.
func splitEndpoint(text string) (host, port string, err error) {
	if inner, ok := strings.CutPrefix(text, "["); ok {
		host, after, closed := strings.Cut(inner, "]")
		if !closed || after != "" && after[0] != ':' {
			return "", "", fmt.Errorf("endpoint %s: bad brackets", quote(text))
		}
		if _, err := netip.ParseAddr(host); err != nil {
			return "", "", fmt.Errorf("endpoint %s: no IPv6 address in the brackets", quote(text))
		}
		return host, strings.TrimPrefix(after, ":"), nil
	}
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return text, "", nil
	}
	host, port = text[:i], text[i+1:]
	if !strings.Contains(host, ":") {
		return host, port, nil
	}
	if _, err := netip.ParseAddr(host); err == nil && isPort(port) {
		return host, port, nil
	}
	if _, err := netip.ParseAddr(text); err != nil {
		return "", "", fmt.Errorf("endpoint %s: more than one colon and no IPv6 address", quote(text))
	}
	return text, "", nil
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// canonicalHost makes hosts comparable. Hosts that cannot be dialled are an error.
func canonicalHost(host string) (string, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.IsUnspecified() || ip.IsMulticast() {
			return "", fmt.Errorf("%s is not the address of a server", ip.WithZone(""))
		}
		if err := checkWord(ip.Zone(), 64); err != nil {
			return "", fmt.Errorf("zone %w", err)
		}
		return ip.Unmap().String(), nil
	}
	if err := checkWord(host, 253); err != nil {
		return "", fmt.Errorf("host %w", err)
	}
	return strings.ToLower(host), nil
}

// checkWord bounds what is stored of an address, and keeps control characters out of logs.
func checkWord(s string, limit int) error {
	if len(s) > limit {
		return fmt.Errorf("of %d bytes, limit %d", len(s), limit)
	}
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && c != '-' && c != '.' && c != '_' {
			return fmt.Errorf("holds %q", c)
		}
	}
	return nil
}

// isName reports whether the host of addr is a name that can be resolved.
func isName(addr string) bool {
	host := hostOf(addr)
	_, err := netip.ParseAddr(host)
	return host != "" && err != nil
}

func hostOf(addr string) string {
	host, _, _ := net.SplitHostPort(addr)
	return host
}
