package main

import (
	"sync"
	"time"
)

// meter finds out whether the machine lets this process run: it asks to be woken every look, and notes how late that comes.
// Its goroutine ends with stop.
type meter struct {
	mu    sync.Mutex
	begun time.Time
	last  time.Time // when it was woken
	now   lateness  // since the last lap

	once  sync.Once
	end   chan struct{}
	ended chan struct{}
}

// lateness is how late this process was woken in some time.
type lateness struct {
	of      time.Duration // that time
	longest time.Duration // stall
	total   time.Duration // of the stalls that are worth counting
}

// worthCounting is from when on a late awakening is more than two that took turns.
const worthCounting = 5 * look

// stalled reports whether the machine kept this process from running for so long that what happened may be its doing: a tenth of
// the grace at once, or a quarter of the time in pieces. A client that needs longer than the rest has no such excuse.
func (l lateness) stalled(grace time.Duration) bool {
	return l.longest > grace/10 || l.total > l.of/4
}

func startMeter() *meter {
	m := &meter{begun: time.Now(), end: make(chan struct{}), ended: make(chan struct{})}
	m.last = m.begun
	go m.run()
	return m
}

func (m *meter) run() {
	defer close(m.ended)
	t := time.NewTicker(look)
	defer t.Stop()
	for {
		select {
		case <-m.end:
			return
		case <-t.C:
			m.mu.Lock()
			m.wokenLocked(time.Now())
			m.mu.Unlock()
		}
	}
}

func (m *meter) wokenLocked(at time.Time) {
	late := max(0, at.Sub(m.last)-look)
	m.last = at
	m.now.longest = max(m.now.longest, late)
	if late >= worthCounting {
		m.now.total += late
	}
}

// lap returns what there was since the last lap. A stall that has just ended counts, whoever is woken first.
func (m *meter) lap() lateness {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := time.Now()
	m.wokenLocked(at)
	l := m.now
	l.of = at.Sub(m.begun)
	m.now, m.begun = lateness{}, at
	return l
}

// stop returns when the meter does not run any more. It may be called again.
func (m *meter) stop() {
	m.once.Do(func() { close(m.end) })
	<-m.ended
}
