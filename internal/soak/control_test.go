package soak

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/baton-go/baton"
)

// example is a run in which everything adds up, with one of each that may be: a possible increment that was executed, a lost
// pop, a message missed in a gap, one on its way when the connection was lost, one that came twice.
func example() (*ledger, *final) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	l := newLedger()
	l.counters["count"] = &tally{confirmed: 5, unknown: 1}
	l.queues["pops"] = &queue{pushed: map[string]fate{"1": done, "2": done, "3": unknown, "4": unsent, "5": done}, taken: []string{"1"}, unknown: 1}
	l.queues["moves"] = &queue{to: "moved", pushed: map[string]fate{"1": done, "2": done, "3": done}, taken: []string{"2"}, unknown: 1}
	l.transfers = map[string]fate{"a": done, "b": unknown, "c": unsent}
	for n := range 10 {
		l.published["news"] = append(l.published["news"], publication{from: at(10 * n), to: at(10*n + 2)})
	}
	l.published["news"][7].fate = unknown
	l.published["news"][8].fate = unsent
	l.receptions = []*reception{{
		channels: []string{"news"},
		got:      map[string][]int{"news": {0, 1, 2, 1, 5, 6, 9, 7}},
		events: []baton.SubEvent{
			{Kind: baton.SubMoved, Time: at(25), Uncertain: 1},
			{Kind: baton.SubResubscribed, Time: at(45), Gap: 10 * time.Millisecond}, // 4 was published in it, 3 just before
		},
	}}
	return l, &final{
		counters: map[string]int64{"count": 6},
		lists:    map[string][]string{"pops": {"3", "5"}, "moves": {"3"}, "moved": {"1", "2"}},
		accounts: []int64{start - 5, start + 2, start + 3},
		journal:  []string{entry("a", 0, 1, start-5, start+5), entry("b", 1, 2, start+2, start+3)},
	}
}

func TestSoakOracle(t *testing.T) {
	news := func(got ...int) func(*ledger, *final) {
		return func(l *ledger, _ *final) { l.receptions[0].got["news"] = got }
	}
	tests := []struct {
		name   string
		change func(*ledger, *final)
		says   string
	}{
		{"nothing", func(*ledger, *final) {}, ""},
		{"the possible increment was not executed", func(_ *ledger, f *final) { f.counters["count"]-- }, ""},
		{"an increment lost", func(_ *ledger, f *final) { f.counters["count"] = 4 }, "counter count is 4"},
		{"an increment twice", func(_ *ledger, f *final) { f.counters["count"] = 7 }, "counter count is 7"},
		{"another element lost", func(_ *ledger, f *final) { f.lists["pops"] = []string{"3"} }, "queue pops: 2 elements are missing"},
		{"an element taken twice", func(l *ledger, _ *final) { l.queues["pops"].taken = []string{"1", "1"} }, "element 1 is there 2 times"},
		{"an element taken and left", func(_ *ledger, f *final) { f.lists["pops"] = []string{"1", "3", "5"} }, "element 1 is there 2 times"},
		{"an element from nowhere", func(_ *ledger, f *final) { f.lists["pops"] = []string{"3", "4", "5"} }, "element 4 was never sent"},
		{"an element lost in a move", func(_ *ledger, f *final) { f.lists["moves"] = nil }, "queue moves: 1 elements are missing"},
		{"a moved element given out twice", func(l *ledger, _ *final) { l.queues["moves"].taken = []string{"2", "2"} }, "element 2 was given out twice"},
		{"an element given out and not moved", func(l *ledger, _ *final) { l.queues["moves"].taken = []string{"3"} }, "given out and is not in moved"},
		{"an element moved in silence", func(l *ledger, _ *final) { l.queues["moves"].unknown = 0 }, "1 elements were moved and not given out"},
		{"a transfer lost", func(_ *ledger, f *final) { f.journal = f.journal[1:] }, "transfer a was carried out 0 times"},
		{"a transfer twice", func(_ *ledger, f *final) { f.journal = append(f.journal, f.journal[1]) }, "transfer b was carried out 2 times"},
		{"a transfer that was not sent", func(l *ledger, _ *final) { l.transfers["b"] = unsent }, "transfer b was carried out 1 times"},
		{"an update lost", func(_ *ledger, f *final) {
			f.journal[1] = entry("b", 1, 2, start-3, start+3)
			f.accounts[1] = start - 3
		}, "transfer b was carried out although its accounts had changed"},
		{"money from nowhere", func(_ *ledger, f *final) { f.accounts[0]++ }, "the accounts hold 3001 together"},
		{"a message missed before its time", news(0, 2, 1, 1, 5, 6, 9, 7), "message 1 came after 2"},
		{"a message missed outside of gaps", news(0, 2, 5, 6, 9, 7), "message 1 is missing"},
		{"a message missed behind the gap", news(0, 1, 2, 6, 9, 7), "message 5 is missing"},
		{"the last message missed", news(0, 1, 2, 5, 6, 7), "message 9 is missing"},
		{"two messages twice", news(0, 1, 2, 1, 2, 5, 6, 9, 7), "2 messages came twice"},
		{"a message twice, without a move", news(0, 1, 2, 5, 6, 6, 9, 7), "published after the last uncertain move"},
		{"a message that was not sent", news(0, 1, 2, 5, 6, 8, 9, 7), "message 8 was never sent"},
		{"something seen on the way", func(l *ledger, _ *final) { l.accuse("a crossed reply") }, "a crossed reply"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, f := example()
			tt.change(l, f)
			wrong := l.check(f)
			if tt.says == "" {
				assert.Empty(t, wrong)
				return
			}
			assert.Contains(t, strings.Join(wrong, "\n"), tt.says)
		})
	}
}
