package main

import (
	"log"
	"sync"
	"time"
)

// progress prints a line now and then. Its goroutine ends with stop.
type progress struct {
	out      *log.Logger
	stage    *stage
	load     *load
	begun    time.Time
	stopOnce sync.Once
	end      chan struct{}
	ended    chan struct{}
}

func startProgress(out *log.Logger, p plan, s *stage, l *load) *progress {
	b := &progress{out: out, stage: s, load: l, begun: time.Now(), end: make(chan struct{}), ended: make(chan struct{})}
	go b.run(max(500*time.Millisecond, p.length()/40))
	return b
}

// stop returns when nothing is printed any more. It may be called again.
func (b *progress) stop() {
	b.stopOnce.Do(func() { close(b.end) })
	<-b.ended
}

func (b *progress) run(every time.Duration) {
	defer close(b.ended)
	t := time.NewTicker(every)
	defer t.Stop()
	last, at := int64(0), b.begun
	for {
		select {
		case <-b.end:
			return
		case <-t.C:
		}
		now := time.Now()
		replies, failed := b.load.progress()
		perSecond := float64(replies-last) / now.Sub(at).Seconds()
		b.print(now, perSecond, failed)
		last, at = replies, now
	}
}

func (b *progress) print(now time.Time, perSecond float64, failed int64) {
	s := b.stage
	old := min(int(s.serves.Load()), len(s.nodes)-2)
	b.out.Printf("%6.1fs  %-7s  %6.0f commands/s  %d failed  old %s: %d conns  new %s: %d conns",
		now.Sub(b.begun).Seconds(), phase(b.load.phase.Load()), perSecond, failed,
		s.nodes[old].Addr(), s.nodes[old].Stats().Open, s.nodes[old+1].Addr(), s.nodes[old+1].Stats().Open)
}

// introduce says what is going to happen.
func introduce(out *log.Logger, p plan, s *stage) {
	server := "embedded server"
	if p.backend != "" {
		server = "proxy in front of " + p.backend
	}
	mode := ""
	if p.off {
		mode = ", negative control: the feature is off"
	}
	out.Printf("rehearsal: %s, %d endpoints from %s on, %d workers, %d idle connections, about %v%s",
		server, len(s.nodes), s.nodes[0].Addr(), p.workers, p.idle, p.length().Round(100*time.Millisecond), mode)
}
