// Package stall finds out whether the machine lets this process run, so that what is tested in real time is not blamed for
// what a machine does that stands still.
package stall

import (
	"sync"
	"time"
)

const (
	// Look is how often a meter asks to be woken, and so its precision.
	Look = 2 * time.Millisecond
	// worthCounting is from when on a late awakening is more than two that took turns.
	worthCounting = 5 * Look
)

// Late is how late a process was woken in some time.
type Late struct {
	Of      time.Duration // that time
	Longest time.Duration // stall
	Total   time.Duration // of the stalls that are worth counting
}

// Excuses reports whether the process was kept from running for so long that what had to be done within limit may not have
// been: a tenth of that at once, or a quarter of the time in pieces.
func (l Late) Excuses(limit time.Duration) bool {
	return l.Longest > limit/10 || l.Total > l.Of/4
}

// Meter measures from Start on. Its goroutine ends with Stop. It may be used by several goroutines.
type Meter struct {
	mu    sync.Mutex
	begun time.Time // the lap
	woken time.Time
	now   Late // in this lap

	stopOnce sync.Once
	end      chan struct{}
	ended    chan struct{}
}

// Start begins to measure.
func Start() *Meter {
	m := &Meter{begun: time.Now(), end: make(chan struct{}), ended: make(chan struct{})}
	m.woken = m.begun
	go m.run()
	return m
}

func (m *Meter) run() {
	defer close(m.ended)
	t := time.NewTicker(Look)
	defer t.Stop()
	for {
		select {
		case <-m.end:
			return
		case <-t.C:
			m.mu.Lock()
			m.wakeLocked()
			m.mu.Unlock()
		}
	}
}

func (m *Meter) wakeLocked() {
	at := time.Now()
	late := max(0, at.Sub(m.woken)-Look)
	m.woken = at
	m.now.Longest = max(m.now.Longest, late)
	if late >= worthCounting {
		m.now.Total += late
	}
}

// Lap returns what there was since the last lap, or since Start. A stall that has just ended counts, whoever is woken first.
func (m *Meter) Lap() Late {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wakeLocked()
	l := m.now
	l.Of = m.woken.Sub(m.begun)
	m.now, m.begun = Late{}, m.woken
	return l
}

// Stop ends the measuring. It may be called again.
func (m *Meter) Stop() {
	m.stopOnce.Do(func() { close(m.end) })
	<-m.ended
}
