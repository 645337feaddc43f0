package conn

import (
	"net"
	"syscall"
	"unsafe"
)

// atOnce writes to a socket what that takes without waiting. It is for one writer at a time.
type atOnce struct {
	raw  syscall.RawConn
	try  func(fd uintptr) bool
	room []syscall.Iovec
	n    int
}

// takesAtOnce reports whether nc is a plain socket. TLS and connections of the user's own kind are not.
func takesAtOnce(nc net.Conn) bool {
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}

// newAtOnce returns nil if nc has no socket any more.
func newAtOnce(nc net.Conn) *atOnce {
	raw, err := nc.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil
	}
	a := &atOnce{raw: raw}
	a.try = func(fd uintptr) bool {
		for {
			n, _, errno := syscall.Syscall(syscall.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&a.room[0])), uintptr(len(a.room)))
			if errno == syscall.EINTR {
				continue
			}
			if errno == 0 {
				a.n = int(n)
			}
			return true // also after EAGAIN: it is not waited for
		}
	}
	return a
}

// write returns how many bytes the socket took of parts: none if it is full, or at an error.
func (a *atOnce) write(parts [][]byte) int {
	const most = 1024 // that the system takes
	a.room, a.n = a.room[:0], 0
	for _, p := range parts[:min(len(parts), most)] {
		if len(p) > 0 {
			v := syscall.Iovec{Base: &p[0]}
			v.SetLen(len(p))
			a.room = append(a.room, v)
		}
	}
	_ = a.raw.Write(a.try) // the next write meets the error again
	clear(a.room)
	return a.n
}
