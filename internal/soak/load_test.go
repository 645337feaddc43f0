package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/baton-go/baton"
)

// load is everything that callers do with one client at the same time.
type load struct {
	c       *baton.Client
	l       *ledger
	going   context.Context // ends when nothing new is to begin
	makers  sync.WaitGroup
	takers  sync.WaitGroup // of elements; they go on a little longer
	taking  context.Context
	numbers atomic.Int64
	slow    time.Duration // how long some transactions think
}

var channels = []string{"news", "prices", "weather"}

func (w *load) start() {
	for i := range 3 {
		w.makers.Go(func() { w.counter(fmt.Sprintf("count:%d", i)) })
		w.makers.Go(w.transfers)
	}
	w.makers.Go(w.auditor)
	for _, ch := range channels {
		w.makers.Go(func() { w.publisher(ch) })
	}
	for _, name := range []string{"pops", "moves"} {
		q := &queue{pushed: map[string]fate{}}
		if name == "moves" {
			q.to = "moved"
		}
		w.l.queues[name] = q
		w.makers.Go(func() { w.producer(name, q) })
		for range 3 {
			w.takers.Go(func() { w.consumer(name, q) })
		}
	}
}

// pause keeps the rate of a worker bounded; false: the run is over.
func (w *load) pause(most time.Duration) bool {
	t := time.NewTimer(rand.N(most))
	defer t.Stop()
	select {
	case <-t.C:
	case <-w.going.Done():
	}
	return w.going.Err() == nil
}

// commandContext is the context of one command: most have all the time there is, some a deadline, some are given up.
func commandContext() (context.Context, context.CancelFunc) {
	switch rand.N(16) {
	case 0:
		return context.WithTimeout(context.Background(), rand.N(3*time.Millisecond))
	case 1:
		ctx, cancel := context.WithCancel(context.Background())
		t := time.AfterFunc(rand.N(3*time.Millisecond), cancel)
		return ctx, func() { t.Stop(); cancel() }
	case 2:
		return context.WithTimeout(context.Background(), 200*time.Millisecond)
	}
	return context.WithCancel(context.Background())
}

func (w *load) counter(key string) {
	t := &tally{}
	w.l.note(func() { w.l.counters[key] = t })
	for w.pause(2 * time.Millisecond) {
		ctx, cancel := commandContext()
		if rand.N(4) == 0 {
			w.pipeline(ctx, key, t)
		} else {
			before := *t
			n, err := w.c.Incr(ctx, key)
			w.counted(ctx, key, t, before, n, err)
		}
		cancel()
	}
}

// counted notes an increment. The answer must lie between the confirmed and the possible increments.
func (w *load) counted(ctx context.Context, key string, t *tally, before tally, n int64, err error) {
	switch w.l.judge(ctx, err) {
	case done:
		if n <= before.confirmed || n > before.confirmed+before.unknown+1 {
			w.l.accuse("counter %s answers %d after %d confirmed and %d possible increments", key, n, before.confirmed, before.unknown)
		}
		w.l.note(func() { t.confirmed++ })
	case unknown:
		w.l.note(func() { t.unknown++ })
	case unsent:
	}
}

func (w *load) pipeline(ctx context.Context, key string, t *tally) {
	token := strconv.FormatInt(w.numbers.Add(1), 10)
	var n [3]baton.Reply[int64]
	var e [3]baton.Reply[string]
	err := w.c.Pipeline(ctx, func(p *baton.Pipe) error {
		for i := range n {
			n[i], e[i] = p.Incr(key), p.Echo(token)
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		w.l.judge(ctx, err)
	}
	for i := range n {
		before := *t
		v, err := n[i].Get()
		if err == nil {
			w.counted(ctx, key, t, before, v, nil)
		} else if isSent(err) {
			w.l.note(func() { t.unknown++ })
		}
		if got, err := e[i].Get(); err == nil && got != token {
			w.l.accuse("the echo of %s is %s", token, got)
		}
	}
}

func isSent(err error) bool {
	var oe *baton.OpError
	return errors.As(err, &oe) && oe.Sent
}

func (w *load) producer(name string, q *queue) {
	for w.pause(4 * time.Millisecond) {
		id := strconv.FormatInt(w.numbers.Add(1), 10)
		ctx, cancel := commandContext()
		_, err := w.c.RPush(ctx, name, id)
		f := w.l.judge(ctx, err)
		w.l.note(func() { q.pushed[id] = f })
		cancel()
	}
}

func (w *load) consumer(name string, q *queue) {
	for w.taking.Err() == nil {
		wait := []time.Duration{0, 0, 5 * time.Millisecond, 300 * time.Millisecond}[rand.N(4)]
		ctx, cancel := context.WithCancel(w.taking)
		if rand.N(4) == 0 {
			ctx, cancel = context.WithTimeout(w.taking, rand.N(8*time.Millisecond))
		}
		begun := time.Now()
		var id string
		var err error
		if q.to == "" {
			_, id, err = w.c.BLPop(ctx, wait, name)
		} else {
			id, err = w.c.BLMove(ctx, wait, name, q.to, baton.Left, baton.Right)
		}
		if errors.Is(err, baton.Nil) && (wait == 0 || time.Since(begun) < wait) {
			w.l.accuse("a pop that may take %v was told after %v that there is nothing", wait, time.Since(begun))
		}
		f := w.l.judge(ctx, err)
		w.l.note(func() {
			switch {
			case err == nil:
				q.taken = append(q.taken, id)
			case f == unknown:
				q.unknown++
			}
		})
		cancel()
	}
}

func account(i int) string { return fmt.Sprint("account:", i) }

func (w *load) transfers() {
	for w.pause(5 * time.Millisecond) {
		id := strconv.FormatInt(w.numbers.Add(1), 10)
		from := rand.N(accounts)
		ctx, cancel := commandContext()
		f := w.transfer(ctx, id, from, (from+1+rand.N(accounts-1))%accounts)
		w.l.note(func() { w.l.transfers[id] = f })
		cancel()
	}
}

// transfer writes what it has computed from what it has read, which is right only if nobody wrote in between.
func (w *load) transfer(ctx context.Context, id string, from, to int) fate {
	possible, thinks := false, rand.N(20) == 0
	err := w.c.Tx(ctx, func(tx *baton.Tx) error {
		var b [2]int64
		for i, a := range []int{from, to} {
			s, err := tx.Get(ctx, account(a))
			if err != nil {
				return err
			}
			b[i], _ = strconv.ParseInt(s, 10, 64)
		}
		if thinks { // once: whoever thinks through one move after another uses up Retry.Max
			thinks = false
			w.pause(w.slow)
		}
		amount := rand.N(int64(10))
		b[0], b[1] = b[0]-amount, b[1]+amount
		err := tx.Exec(ctx, func(p *baton.Pipe) error {
			p.Set(account(from), strconv.FormatInt(b[0], 10))
			p.Set(account(to), strconv.FormatInt(b[1], 10))
			p.RPush("journal", entry(id, from, to, b[0], b[1]))
			return nil
		})
		possible = possible || isSent(err)
		return err
	}, account(from), account(to))
	f := w.l.judge(ctx, err)
	switch {
	case possible && f != unknown:
		w.l.accuse("transfer %s: EXEC may have been executed, and the error of Tx does not say so: %v", id, err)
		return unknown
	case f == unknown && !possible: // a read that was sent; nothing of the transfer was
		return unsent
	}
	return f
}

// auditor looks on: whatever happens, the accounts hold the same together.
func (w *load) auditor() {
	for w.pause(10 * time.Millisecond) {
		ctx, cancel := commandContext()
		var balances [accounts]baton.Reply[string]
		err := w.c.Tx(ctx, func(tx *baton.Tx) error {
			return tx.Exec(ctx, func(p *baton.Pipe) error {
				for i := range balances {
					balances[i] = p.Get(account(i))
				}
				return nil
			})
		})
		cancelled := ctx
		if w.l.judge(cancelled, err) == done {
			total := int64(0)
			for _, b := range balances {
				s, err := b.Get()
				if err != nil {
					w.l.accuse("balance: %v", err)
				}
				n, _ := strconv.ParseInt(s, 10, 64)
				total += n
			}
			if total != accounts*start {
				w.l.accuse("a transaction saw accounts that hold %d together", total)
			}
		}
		cancel()
	}
}

func (w *load) publisher(channel string) {
	for w.pause(4 * time.Millisecond) {
		ctx, cancel := commandContext()
		w.publish(ctx, channel)
		cancel()
	}
}

// publish publishes the next number. Each channel has one publisher at a time.
func (w *load) publish(ctx context.Context, channel string) {
	var n int
	p := publication{from: time.Now(), fate: unknown}
	w.l.note(func() {
		n = len(w.l.published[channel])
		w.l.published[channel] = append(w.l.published[channel], p)
	})
	_, err := w.c.Publish(ctx, channel, strconv.Itoa(n))
	p.fate, p.to = w.l.judge(ctx, err), time.Now()
	w.l.note(func() { w.l.published[channel][n] = p })
}

// listen begins a subscription and reads it to its end.
func (w *load) listen(ctx context.Context, wg *sync.WaitGroup, names ...string) (*baton.Subscription, *reception, error) {
	r := &reception{channels: names, got: map[string][]int{}}
	sub, err := w.c.Subscriber(baton.SubscribeOptions{Heartbeat: time.Second}).Subscribe(ctx, names...)
	if err != nil {
		return nil, nil, err
	}
	w.l.note(func() { w.l.receptions = append(w.l.receptions, r) })
	wg.Go(func() {
		for e := range sub.Events() {
			w.l.note(func() { r.events = append(r.events, e) })
		}
	})
	wg.Go(func() {
		for m, err := range sub.All(context.Background()) {
			if err != nil {
				return
			}
			n, err := strconv.Atoi(m.Payload)
			if err != nil {
				w.l.accuse("message %q", m.Payload)
			}
			w.l.note(func() { r.got[m.Channel] = append(r.got[m.Channel], n) })
		}
	})
	return sub, r, nil
}
