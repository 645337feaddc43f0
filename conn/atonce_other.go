//go:build !linux

package conn

import "net"

// atOnce is not available on this system.
type atOnce struct{}

func takesAtOnce(net.Conn) bool { return false }

func newAtOnce(net.Conn) *atOnce { return nil }

func (*atOnce) write([][]byte) int { return 0 }
