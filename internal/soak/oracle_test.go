package soak

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/baton-go/baton"
)

// final is what the server has when nobody is connected any more.
type final struct {
	counters map[string]int64
	lists    map[string][]string
	accounts []int64
	journal  []string // transfers in the order in which they were executed
}

const (
	accounts = 3 // few, so that transfers meet
	start    = 1000
)

// check returns everything that does not add up. It has no tolerance: an element, message, increment or transfer is where the
// client has said it is, or the client has said that it does not know.
func (l *ledger) check(f *final) []string {
	wrong := slices.Clone(l.wrong)
	blame := func(format string, a ...any) { wrong = append(wrong, fmt.Sprintf(format, a...)) }
	for _, key := range slices.Sorted(maps.Keys(l.counters)) {
		if t, n := l.counters[key], f.counters[key]; n < t.confirmed || n > t.confirmed+t.unknown {
			blame("counter %s is %d; %d increments were confirmed and %d possible", key, n, t.confirmed, t.unknown)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.queues)) {
		l.queues[name].check(name, f, blame)
	}
	l.checkTransfers(f, blame)
	for i, r := range l.receptions {
		for _, channel := range r.channels {
			r.check(fmt.Sprintf("subscription %d, channel %s", i, channel), r.got[channel], l.published[channel], blame)
		}
		r.checkDuplicates(fmt.Sprintf("subscription %d", i), l.published, blame)
	}
	return wrong
}

// check of a queue: what was pushed is there or was taken, once. Only a pop whose outcome is unknown can have taken more.
func (q *queue) check(name string, f *final, blame func(string, ...any)) {
	there := slices.Clone(f.lists[name])
	if q.to == "" {
		there = append(there, q.taken...)
	} else {
		there = append(there, f.lists[q.to]...)
		q.checkWitness(name, f.lists[q.to], blame)
	}
	seen := map[string]int{}
	for _, id := range there {
		seen[id]++
	}
	for _, id := range slices.Sorted(maps.Keys(seen)) {
		if fate, ok := q.pushed[id]; !ok || fate == unsent {
			blame("queue %s: element %s was never sent", name, id)
		}
		if seen[id] > 1 {
			blame("queue %s: element %s is there %d times", name, id, seen[id])
		}
	}
	missing := 0
	for id, fate := range q.pushed {
		missing += count(fate == done && seen[id] == 0)
	}
	possible := q.unknown
	if q.to != "" {
		possible = 0
	}
	if missing > possible {
		blame("queue %s: %d elements are missing, and only %d pops have an unknown outcome", name, missing, possible)
	}
}

// checkWitness compares what a consumer was given with the list that it was moved to in the same step.
func (q *queue) checkWitness(name string, moved []string, blame func(string, ...any)) {
	given := map[string]int{}
	for _, id := range q.taken {
		if given[id]++; given[id] > 1 {
			blame("queue %s: element %s was given out twice", name, id)
		}
		if !slices.Contains(moved, id) {
			blame("queue %s: element %s was given out and is not in %s", name, id, q.to)
		}
	}
	if silent := len(moved) - len(given); silent > q.unknown {
		blame("queue %s: %d elements were moved and not given out, and only %d pops have an unknown outcome", name, silent, q.unknown)
	}
}

// entry is what a transfer leaves in the journal, in the same transaction: its number, both accounts, and what they hold
// from then on.
func entry(id string, from, to int, left, now int64) string {
	return fmt.Sprintf("%s %d %d %d %d", id, from, to, left, now)
}

// checkTransfers plays the journal. A transfer that was executed with other balances than it has read shows at its entry.
func (l *ledger) checkTransfers(f *final, blame func(string, ...any)) {
	balance := make([]int64, accounts)
	for i := range balance {
		balance[i] = start
	}
	seen := map[string]int{}
	for _, line := range f.journal {
		var id string
		var from, to int
		var left, now int64
		if _, err := fmt.Sscanf(line, "%s %d %d %d %d", &id, &from, &to, &left, &now); err != nil {
			blame("journal: %q: %v", line, err)
			continue
		}
		seen[id]++
		if balance[from]+balance[to] != left+now {
			blame("transfer %s was carried out although its accounts had changed: %d+%d became %d+%d", id, balance[from], balance[to], left, now)
		}
		balance[from], balance[to] = left, now
	}
	if !slices.Equal(balance, f.accounts) {
		blame("accounts are %v, and after the journal should be %v", f.accounts, balance)
	}
	total := int64(0)
	for _, b := range f.accounts {
		total += b
	}
	if total != accounts*start {
		blame("the accounts hold %d together, not %d", total, accounts*start)
	}
	for id, fate := range l.transfers {
		switch n := seen[id]; {
		case fate == done && n != 1, fate == unsent && n != 0, n > 1:
			blame("transfer %s was carried out %d times and is %s", id, n, [...]string{"confirmed", "not sent", "unknown"}[fate])
		}
		delete(seen, id)
	}
	for id := range seen {
		blame("transfer %s was carried out and never asked for", id)
	}
}

// check of a channel: messages come in the order in which they were published, and one that does not come was published in
// a reported gap, or just before: it was on its way when the connection was lost, and so is the last before the gap.
func (r *reception) check(where string, got []int, published []publication, blame func(string, ...any)) {
	seen, last := map[int]bool{}, -1
	for _, n := range got {
		switch {
		case n < 0 || n >= len(published) || published[n].fate == unsent:
			blame("%s: message %d was never sent", where, n)
			continue
		case seen[n]:
			continue
		case published[n].fate == done && n < last:
			blame("%s: message %d came after %d", where, n, last)
		}
		seen[n] = true
		if published[n].fate == done { // one that is unknown may have been executed later than those behind it
			last = max(last, n)
		}
	}
	var next *publication // that came
	for n, p := range slices.Backward(published) {
		switch {
		case p.fate != done:
		case seen[n]:
			next = &published[n]
		case !r.inGap(p, next):
			blame("%s: message %d is missing", where, n)
		}
	}
}

// inGap reports whether a message may have been missed; next is the first behind it that came.
func (r *reception) inGap(p publication, next *publication) bool {
	return slices.ContainsFunc(r.events, func(e baton.SubEvent) bool {
		return e.Kind == baton.SubResubscribed && !p.from.After(e.Time) && (next == nil || !next.to.Before(e.Time.Add(-e.Gap)))
	})
}

// checkDuplicates: a message comes twice only if a move has said that it may, and that it was published before.
func (r *reception) checkDuplicates(where string, published map[string][]publication, blame func(string, ...any)) {
	allowed, lastMove := 0, time.Time{}
	for _, e := range r.events {
		if e.Uncertain > 0 { // also of a move that has lost something, which is told as a return
			allowed += e.Uncertain
			lastMove = e.Time
		}
	}
	again := r.duplicates()
	if len(again) > allowed {
		blame("%s: %d messages came twice, and moves were uncertain about %d: %v", where, len(again), allowed, again)
	}
	for _, d := range again {
		channel, number, _ := strings.Cut(d, " ")
		n, _ := strconv.Atoi(number)
		if n < len(published[channel]) && published[channel][n].from.After(lastMove) {
			blame("%s: message %s came twice and was published after the last uncertain move", where, d)
		}
	}
}

// duplicates lists deliveries of what was delivered before.
func (r *reception) duplicates() (again []string) {
	for _, channel := range r.channels {
		seen := map[int]bool{}
		for _, n := range r.got[channel] {
			if seen[n] {
				again = append(again, fmt.Sprint(channel, " ", n))
			}
			seen[n] = true
		}
	}
	return again
}
