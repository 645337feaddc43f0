package main

import (
	"context"
	"net"
	"runtime"
	"sync"
)

// sharedFloorDrivers is one raw socket for all callers: whoever finds nobody writing writes for all, whoever finds nobody
// reading reads for all, and a writer with company yields once before it writes.
func sharedFloorDrivers() []Driver {
	return []Driver{{Name: "shared-floor", Role: Floor, Open: openSharedFloor}}
}

// Signals to a waiting caller.
const (
	wakeDone = 1 // its reply has come
	wakeLead = 2 // it reads for all from now on
)

// sharedCall is one request in flight.
type sharedCall struct {
	left int // replies still to come
	sum  int
	err  error
	wake chan int
	done bool
	next *sharedCall
}

var sharedCalls = sync.Pool{New: func() any { return &sharedCall{wake: make(chan int, 1)} }}

type sharedConn struct {
	nc net.Conn
	sk *skipper // used by the reading caller only

	mu               sync.Mutex // guards what follows, never held over I/O
	pending, spare   []byte
	head, tail       *sharedCall
	inFlight         int
	writing, reading bool
}

func openSharedFloor(e Env) (*Session, error) {
	nc, err := e.dial(context.Background())
	if err != nil {
		return nil, err
	}
	c := &sharedConn{nc: nc, sk: newSkipper(nc, floorBuffer)}
	return &Session{
		Get: func(_ context.Context, w *Worker, key string) (int, error) { return c.do(w.req.of("GET", key), 1) },
		Set: func(_ context.Context, w *Worker, key string, value []byte) (int, error) {
			if w.req.key != key {
				w.req.of("SET", key, string(value))
			}
			_, err := c.do(w.req.wire, 1)
			return 0, err
		},
		Incr: func(_ context.Context, w *Worker, key string) (int, error) { return c.do(w.req.of("INCR", key), 1) },
		Pipe: func(_ context.Context, w *Worker, keys []string) (int, error) {
			return c.do(w.req.pipe(keys), len(keys))
		},
		Close: func() { nc.Close() },
	}, nil
}

// do sends one encoded request that gives the given number of replies and returns the sum of their lengths.
func (c *sharedConn) do(wire []byte, replies int) (int, error) {
	cl := sharedCalls.Get().(*sharedCall)
	cl.left, cl.sum, cl.err, cl.done, cl.next = replies, 0, nil, false, nil
	c.mu.Lock()
	c.pending = append(c.pending, wire...)
	if c.tail == nil {
		c.head = cl
	} else {
		c.tail.next = cl
	}
	c.tail = cl
	c.inFlight++
	var err error
	if !c.writing {
		err = c.writeLocked()
	}
	lead := !c.reading && !cl.done
	if lead {
		c.reading = true
	}
	c.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if lead || <-cl.wake == wakeLead {
		c.lead(cl)
	}
	sum, err := cl.sum, cl.err
	sharedCalls.Put(cl)
	return sum, err
}

// writeLocked writes everything pending. It is entered and left with the lock held.
func (c *sharedConn) writeLocked() error {
	c.writing = true
	if c.inFlight > 1 {
		c.mu.Unlock()
		runtime.Gosched()
		c.mu.Lock()
	}
	for len(c.pending) > 0 {
		b := c.pending
		c.pending, c.spare = c.spare[:0], nil
		c.mu.Unlock()
		_, err := c.nc.Write(b)
		c.mu.Lock()
		c.spare = b[:0]
		if err != nil {
			return err
		}
	}
	c.writing = false
	return nil
}

// lead reads replies for all until the caller's own has come and nothing is buffered, then hands on.
func (c *sharedConn) lead(mine *sharedCall) {
	for {
		c.mu.Lock()
		h := c.head
		c.mu.Unlock()
		n, _, err := c.sk.reply()
		h.sum += n
		if h.left--; h.left > 0 && err == nil {
			continue
		}
		h.err = err
		c.mu.Lock()
		c.head = h.next
		if c.head == nil {
			c.tail = nil
		}
		c.inFlight--
		h.done = true
		stop, next := c.handOnLocked(mine.done)
		c.mu.Unlock()
		if h != mine {
			h.wake <- wakeDone
		}
		if next != nil {
			next.wake <- wakeLead
		}
		if stop {
			return
		}
	}
}

// handOnLocked decides whether the leader stops and who leads next.
func (c *sharedConn) handOnLocked(mineDone bool) (stop bool, next *sharedCall) {
	if !mineDone || c.head != nil && c.sk.buffered() {
		return false, nil
	}
	if c.head == nil {
		c.reading = false
	}
	return true, c.head
}
