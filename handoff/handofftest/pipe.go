package handofftest

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// pipeSize is what one direction of a connection buffers, in bytes. A writer
// waits beyond it, as on a socket whose peer does not read.
const pipeSize = 64 << 10

// deadline is the instant at which waiting ends. The timer only wakes waiters;
// whether the time has come is asked of the clock.
type deadline struct {
	at    time.Time // zero: none
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

// stream is one direction of a connection: bytes on their way from a writer to
// a reader. Waiting is on a sync.Cond, which testing/synctest counts as durable.
type stream struct {
	mu   sync.Mutex // memory only
	cond sync.Cond

	buf        []byte
	off        int  // buf[off:] is unread
	finished   bool // the writer sent FIN: what is buffered may still be read
	abandoned  bool // the reader closed: writing is pointless
	reset      bool // cut: what was buffered is lost
	readUntil  deadline
	writeUntil deadline
}

func newStream() *stream {
	s := &stream{}
	s.cond.L = &s.mu
	return s
}

// wake lets everybody who waits look again.
func (s *stream) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cond.Broadcast()
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.abandoned:
			return 0, net.ErrClosed
		case s.readUntil.passed():
			return 0, os.ErrDeadlineExceeded
		case s.reset:
			return 0, syscall.ECONNRESET
		case len(p) == 0:
			return 0, nil
		case s.off < len(s.buf):
			n := copy(p, s.buf[s.off:])
			s.off += n
			if s.off == len(s.buf) {
				s.buf, s.off = s.buf[:0], 0
			}
			s.cond.Broadcast()
			return n, nil
		case s.finished:
			return 0, io.EOF
		}
		s.cond.Wait()
	}
}

func (s *stream) write(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.finished:
			return n, net.ErrClosed
		case s.writeUntil.passed():
			return n, os.ErrDeadlineExceeded
		case s.reset:
			return n, syscall.ECONNRESET
		case s.abandoned:
			return n, syscall.EPIPE
		case len(p) == 0:
			return n, nil
		}
		if room := pipeSize - (len(s.buf) - s.off); room > 0 {
			k := min(room, len(p))
			s.putLocked(p[:k])
			n, p = n+k, p[k:]
			s.cond.Broadcast()
			continue
		}
		s.cond.Wait()
	}
}

// putLocked appends p, moving the unread bytes to the front before the buffer
// would have to grow.
func (s *stream) putLocked(p []byte) {
	if s.off > 0 && len(s.buf)+len(p) > cap(s.buf) {
		s.buf = s.buf[:copy(s.buf, s.buf[s.off:])]
		s.off = 0
	}
	s.buf = append(s.buf, p...)
}

// end applies change, stops the timers of the side that leaves, wakes waiters.
func (s *stream) end(leaves *deadline, change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	if leaves.timer != nil {
		leaves.timer.Stop()
	}
	s.cond.Broadcast()
}

func (s *stream) setDeadline(d *deadline, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.at = at
	if d.timer != nil {
		d.timer.Stop()
	}
	if wait := time.Until(at); !at.IsZero() && wait > 0 {
		if d.timer == nil {
			d.timer = time.AfterFunc(wait, s.wake)
		} else {
			d.timer.Reset(wait)
		}
	}
	s.cond.Broadcast()
}

// memConn is one end of a connection of a Network.
type memConn struct {
	in, out       *stream
	local, remote *net.TCPAddr

	mu     sync.Mutex
	closed bool
	abrupt bool // SetLinger(0): Close cuts instead of finishing
}

// newMemPair returns the two ends of one connection.
func newMemPair(client, server *net.TCPAddr) (c, s *memConn) {
	up, down := newStream(), newStream()
	return &memConn{in: down, out: up, local: client, remote: server},
		&memConn{in: up, out: down, local: server, remote: client}
}

func (c *memConn) opError(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}

func (c *memConn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	return n, c.opError("read", err)
}

func (c *memConn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	return n, c.opError("write", err)
}

// CloseWrite sends FIN: the peer reads what is buffered and then io.EOF, and may
// go on sending.
func (c *memConn) CloseWrite() error {
	c.out.end(&c.out.writeUntil, func() { c.out.finished = true })
	return nil
}

// SetLinger makes Close cut the connection if sec is 0, as on a *net.TCPConn.
func (c *memConn) SetLinger(sec int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.abrupt = sec == 0
	return nil
}

// Close ends both directions. What was written may still be read by the peer,
// unless SetLinger(0) was called: then it is lost and the peer sees a reset.
func (c *memConn) Close() error {
	c.mu.Lock()
	again, abrupt := c.closed, c.abrupt
	c.closed = true
	c.mu.Unlock()
	if again {
		return c.opError("close", net.ErrClosed)
	}
	c.in.end(&c.in.readUntil, func() {
		c.in.abandoned, c.in.reset, c.in.buf, c.in.off = true, abrupt, nil, 0
	})
	c.out.end(&c.out.writeUntil, func() {
		c.out.finished = true
		if abrupt {
			c.out.reset, c.out.buf, c.out.off = true, nil, 0
		}
	})
	return nil
}

func (c *memConn) LocalAddr() net.Addr  { return c.local }
func (c *memConn) RemoteAddr() net.Addr { return c.remote }

func (c *memConn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

func (c *memConn) SetReadDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.readUntil, t)
	return nil
}

func (c *memConn) SetWriteDeadline(t time.Time) error {
	c.out.setDeadline(&c.out.writeUntil, t)
	return nil
}
