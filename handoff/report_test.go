package handoff

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReportTellsHowTheWindowWent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		defer r.e.Close()
		r.e.Observe(Command{Failed: true}) // no window: negative control
		assert.False(t, r.e.Watching())
		r.set(nodeB, node{takes: 40 * ms})
		c := r.open(3, nodeA)
		c[2].slow = time.Hour // cannot leave
		opened := time.Now()
		r.say(c[0], movingTo(7, 15*s, nodeB))
		assert.True(t, r.e.Watching())
		r.pass(200 * ms)
		r.e.Observe(Command{Timeout: s})                                        // begun before the window
		r.e.Observe(Command{Begun: time.Now().Add(-50 * ms), Timeout: 10 * ms}) // rescued
		r.e.Observe(Command{Begun: time.Now(), Timeout: s, Failed: true})       // an error
		r.e.Observe(Command{Begun: time.Now().Add(-time.Hour), Blocking: true}) // not timed
		r.pass(30 * s)
		r.e.Observe(Command{Failed: true}) // the window is over
		assert.False(t, r.e.Watching(), "nobody pays for a window that is over")
		got := r.m.Reports()
		require.Len(t, got, 1)
		assert.Positive(t, got[0].Failed)
		got[0].Failed = 0
		assert.Equal(t, Report{
			EventID: EventID{Moving, 7, true}, From: nodeA, To: nodeB, Reason: "server named a target", Opened: opened, Ended: opened.Add(19 * s),
			Moved: 2, Left: 1, FirstMove: 40 * ms, LastMove: 80 * ms,
			Commands: 4, Errors: 1, Delayed: 1, Rescued: 1,
			P50: 53247 * time.Microsecond, P99: 200 * ms, Max: 200 * ms,
		}, got[0])
	})
}

func TestReportsOfOperationsThatOverlap(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byDNS)
		defer r.e.Close()
		r.setDNS(domain, "10.0.0.1")
		c := r.open(1, nodeA)[0]
		r.say(c, shardEvent(Migrating, 1, 0))
		r.say(c, shardEvent(FailingOver, 2, 0))
		r.e.Observe(Command{Begun: time.Now()})
		r.pass(3 * s)
		r.say(c, shardEvent(Migrated, 3, 0))
		r.e.Observe(Command{Begun: time.Now()})
		r.say(c, shardEvent(Migrating, 1, 0)) // a late copy
		r.pass(2 * s)
		got := r.m.Reports()
		require.Len(t, got, 2)
		assert.Equal(t, []any{Migrating, 3 * s, int64(1)}, []any{got[0].Kind, got[0].Ended.Sub(got[0].Opened), got[0].Commands})
		assert.Equal(t, []any{FailingOver, true, int64(2)}, []any{got[1].Kind, got[1].Ended.IsZero(), got[1].Commands})
		r.pass(time.Minute)
		got = r.m.Reports()
		assert.Equal(t, 60*s, got[1].Ended.Sub(got[1].Opened), "the closing was lost")
		assert.Contains(t, got[0].String(), "MIGRATING seq 1 from 10.0.0.1:12000 (operation announced), open for 3s; 1 commands, 0 errors")
	})
}

func TestReportOfAMoveNobodyAnnounced(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byDNS)
		defer r.e.Close()
		r.setDNS(domain, "10.0.0.2")
		r.set(nodeB, node{})
		r.say(r.open(3, nodeA)[0], shardEvent(Migrated, 2, 0))
		r.pass(time.Minute)
		got := r.m.Reports()
		require.Len(t, got, 1)
		assert.Equal(t, []any{KindNone, nodeA, nodeB, 3, 0}, []any{got[0].Kind, got[0].From, got[0].To, got[0].Moved, got[0].Left})
		assert.Equal(t, "not announced from 10.0.0.1:12000 to 10.0.0.2:12000 (the name does not list the peer any more), open for 20s: "+
			"3 connections moved, first after 0s, last after 0s, 0 left, 0 attempts failed; "+
			"0 commands, 0 errors, 0 delayed, 0 saved by relaxed timeouts, p50 0s, p99 0s, longest 0s", got[0].String())
	})
}

func TestReportsAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, Config{}, byIP)
		defer r.e.Close()
		c := r.open(1, nodeA)[0]
		for i := range int64(5 * maxReports) {
			r.say(c, shardEvent(Migrating, i, 0))
		}
		got := r.m.Reports()
		assert.Len(t, got, maxReports)
		assert.EqualValues(t, 5*maxReports-1, got[maxReports-1].Seq, "the newest are kept")
		assert.Len(t, *r.e.reports.observed.Load(), maxReports)
	})
}

func TestBucketsCoverAllTimes(t *testing.T) {
	last := -1
	for us := range 5_000_000 {
		d := time.Duration(us) * time.Microsecond
		i := bucketOf(d)
		if i < last || i > last+1 || bucketEnd(i) < d || us > 0 && bucketEnd(i) > d+d/perOctave {
			t.Fatalf("%v is in bucket %d, which ends at %v, behind %d", d, i, bucketEnd(i), last)
		}
		last = i
	}
	assert.Equal(t, 31*perOctave-1, bucketOf(time.Duration(1<<62)))
	assert.Zero(t, bucketOf(-1))
}

// A job may end before its window, when the server calls everybody back.
func TestReportThatEndsEarlyCountsNoMore(t *testing.T) {
	var s reports
	id := EventID{Moving, 1, true}
	s.open(Report{EventID: id, From: nodeA, Opened: at(0)}, at(19))
	s.note(&Event{EventKind: JobEnded, EventID: id, From: nodeB, Time: at(1)})
	assert.NotNil(t, s.observed.Load(), "the job of another peer")
	s.note(&Event{EventKind: JobEnded, EventID: id, From: nodeA, Time: at(1), Left: 2})
	assert.Nil(t, s.observed.Load())
	s.note(&Event{EventKind: MoveFailed, EventID: id, From: nodeA, Time: at(2)})
	got := s.all()
	require.Len(t, got, 1)
	assert.Equal(t, Report{EventID: id, From: nodeA, Opened: at(0), Ended: at(1), Left: 2}, got[0])
}
