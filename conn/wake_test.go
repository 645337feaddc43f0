package conn

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Interleaving: a reader chooses q as the next one under the lock and is held up before it sends the signal; meanwhile
// the keeper ends q for its timeout and sends the end. q takes the end first, and has to take the other signal too: it
// holds the reading, and the channel goes back to the pool with the call.
func TestCallThatEndsWhileItIsGivenTheReadingPassesItOn(t *testing.T) {
	l := &link{reading: true, cfg: &Config{}}
	q := l.cfg.NewCall()
	q.begin()
	q.reads = true
	q.failLocked(ErrTimeout)
	q.wake <- sigDone
	q.wake <- sigRead
	assert.ErrorIs(t, l.await(t.Context(), q, false), ErrTimeout)
	assert.Empty(t, q.wake, "no signal may be left for the next user of the call")
	assert.False(t, l.reading, "the reading is laid down")
}

func TestFailedAttemptLeavesNothingInTheCallersBuffer(t *testing.T) {
	q := (&Config{}).NewCall()
	q.Mode, q.Dst = AppendText, []byte("before ")
	q.begin()
	q.Dst = append(q.Dst, "half of a val"...)
	q.begin()
	assert.Equal(t, "before ", string(q.Dst))
}

// Callers that are served together come back together: the first of them to write finds nobody in flight, and yields all
// the same. A lone caller's pipeline has many replies and is no company.
func TestCallersThatWereServedTogetherAreCompany(t *testing.T) {
	l := &link{cfg: &Config{}, in: reader{batch: new(batch)}}
	served := func(calls ...*Call) bool {
		for _, q := range calls {
			l.queueLocked(q)
		}
		l.out.handed = l.queue.tail
		_, err := l.claim(2)
		assert.NoError(t, err)
		return l.company
	}
	assert.True(t, served(l.cfg.NewCall(), l.cfg.NewCall()))
	lone := l.cfg.NewCall()
	lone.Mode, lone.Replies = Raw, 2
	assert.False(t, served(lone))
	assert.True(t, served(l.cfg.NewCall(), l.cfg.NewCall()))
	l.queueLocked(l.cfg.NewCall())
	assert.True(t, l.endBody(), "a streamed reply is that of one call")
	assert.False(t, l.company)
}
