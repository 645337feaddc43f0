package conn

import (
	"net"
	"net/netip"
	"strings"
)

// SameAddr reports whether two host:port are the same: by address, or by name, regardless of case and of a dot at its end. Texts
// of another form are the same if they are equal.
func SameAddr(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil {
		return a == b
	}
	ipA, errA := netip.ParseAddr(hostA)
	ipB, errB := netip.ParseAddr(hostB)
	if errA == nil && errB == nil {
		return portA == portB && ipA.Unmap() == ipB.Unmap()
	}
	return portA == portB && strings.EqualFold(strings.TrimSuffix(hostA, "."), strings.TrimSuffix(hostB, "."))
}
