package handoff

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestParseEndpoint(t *testing.T) {
	for _, c := range []struct{ in, want, why string }{
		{"10.0.0.7:12000", "10.0.0.7:12000", "plain"},
		{"Redis.Example.COM:12000", "redis.example.com:12000", "names have no case"},
		{"10.0.0.7", "10.0.0.7:6400", "the configured port, not 6379"},
		{"node-1", "node-1:6400", "single label"},
		{"[2001:db8::5]:12000", "[2001:db8::5]:12000", "H-46"},
		{"[2001:db8::5]", "[2001:db8::5]:6400", "brackets without port"},
		{"2001:db8::5:12000", "[2001:db8::5]:12000", "rule 6: what precedes the last colon is an address"},
		{"2001:db8::5", "[2001:db8::5]:6400", "no port"},
		{"::1", "[::1]:6400", "no port"},
		{"1:2:3:4:5:6:7:8", "[1:2:3:4:5:6:7:8]:6400", "eight groups"},
		{"1:2:3:4:5:6:7:8:9", "[1:2:3:4:5:6:7:8]:9", "eight groups and a port"},
		{"2001:db8::beef", "[2001:db8::beef]:6400", "beef is no port"},
		{"[fe80::1%eth0]:7000", "[fe80::1%eth0]:7000", "zone"},
		{"[::ffff:10.0.0.7]:7000", "10.0.0.7:7000", "mapped IPv4 equals the plain form"},
		{" 10.0.0.7:1 ", "10.0.0.7:1", "blanks around"},
		{"10.0.0.7:065", "10.0.0.7:65", "canonical port"},
		{"", "", "null form"}, {"?", "", "null form"}, {"null", "", "null form"}, {"(nil)", "", "null form"},
		{"<nil>", "", "null form"}, {":12000", "", "null form"}, {"?:12000", "", "null form"}, {":0", "", "null form"}, {"?:0", "", "null form"}, {"NULL", "", "null form"},
	} {
		got, err := parseEndpoint(c.in, "6400")
		assert.NoError(t, err, "%q: %s", c.in, c.why)
		assert.Equal(t, c.want, got, "%q: %s", c.in, c.why)
	}
	for _, bad := range []string{
		"h:0", "[::1]:0", "h:65536", "h:-1", "h:x", "h:6379x", "[::1", "[::1]x", "[::1]:99999", "[node]:1", "a b:1", "a/b:1", "user@h:1", "h\x00:1",
		"a:b:c", "0.0.0.0:6379", "[::]:6379", "239.1.1.1:6379", "h:1\r\n", strings.Repeat("a", 254) + ":1", "unix:/tmp/x:1",
		"[fe80::1%\x1b[31m]:1", "[fe80::1%a b]:1", "[fe80::1%" + strings.Repeat("z", 65) + "]:1", "fe80::1%" + strings.Repeat("z", 65),
		"[::%" + strings.Repeat("z", 1000) + "]:1",
	} {
		got, err := parseEndpoint(bad, "6400")
		if bad == "h:1\r\n" {
			assert.Equal(t, "h:1", got, "trimmed")
			continue
		}
		assert.Error(t, err, "%q", bad)
		assert.Empty(t, got, "%q", bad)
		if err != nil {
			assert.Less(t, len(err.Error()), 250, "bounded: %q", bad)
		}
	}
}

func TestDetectEndpointType(t *testing.T) {
	for _, c := range []struct {
		peer string
		tls  bool
		want string
		why  string
	}{
		{"10.0.0.7:6379", false, "internal-ip", "RFC 1918"},
		{"172.16.0.1:6379", true, "internal-fqdn", "TLS wants a name"},
		{"192.168.3.4:1", false, "internal-ip", "RFC 1918"},
		{"54.78.247.156:12075", false, "external-ip", "public"},
		{"54.78.247.156:12075", true, "external-fqdn", "public, TLS"},
		{"127.0.0.1:6379", false, "internal-ip", "loopback is internal: tunnels and tests"},
		{"169.254.1.1:6379", false, "internal-ip", "link-local"},
		{"100.64.3.2:6379", false, "external-ip", "shared address space: the majority says external"},
		{"[::1]:6379", false, "internal-ip", "loopback"},
		{"[fd00::5]:6379", true, "internal-fqdn", "RFC 4193"},
		{"[fe80::1%eth0]:6379", false, "internal-ip", "link-local with zone"},
		{"[fec0::1]:6379", false, "internal-ip", "site-local"},
		{"[2001:db8::1]:6379", false, "external-ip", "global"},
		{"[::ffff:10.0.0.7]:6379", false, "internal-ip", "mapped IPv4 is unwrapped"},
		{"", true, "none", "H-76: unix socket"},
		{"/tmp/redis.sock", false, "none", "H-76: unix socket"},
		{"pipe", false, "none", "unknown peer"},
	} {
		assert.Equal(t, c.want, detectEndpointType(c.peer, c.tls).String(), "%s: %s", c.peer, c.why)
	}
}

func TestEndpointTypeZeroValueIsAuto(t *testing.T) {
	var e EndpointType
	assert.Equal(t, EndpointTypeAuto, e)
	assert.Equal(t, "auto", e.String())
	assert.Equal(t, "EndpointType(77)", EndpointType(77).String())
	// Lengths on the wire.
	for e, n := range map[EndpointType]int{
		EndpointTypeInternalIP: 11, EndpointTypeExternalIP: 11, EndpointTypeInternalFQDN: 13, EndpointTypeExternalFQDN: 13, EndpointTypeNone: 4,
	} {
		assert.Len(t, e.String(), n)
	}
}

func TestIsName(t *testing.T) {
	for addr, want := range map[string]bool{
		"redis.example.com:6379": true, "localhost:6379": true, "10.0.0.7:6379": false, "[::1]:6379": false, "/tmp/sock": false, "": false, ":6379": false,
	} {
		assert.Equal(t, want, isName(addr), addr)
	}
}
