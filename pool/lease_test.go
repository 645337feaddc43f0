package pool_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/baton-go/baton/pool"
)

func TestLeaseIsGivenBackWhenItIsTidy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, pool.Config{Size: 2})
		l, tidy := b.acquire(), make(chan bool)
		l.ReleaseAfter(func() bool { return <-tidy })
		l.ReleaseAfter(func() bool { panic("once is enough") })
		l.Release()
		l.Discard()
		assert.True(t, l.Over())
		b.check(1, 0, 0, 1, 0)
		tidy <- true
		synctest.Wait()
		b.check(1, 0, 1, 0, 0)
		l = b.acquire()
		l.ReleaseAfter(func() bool { return <-tidy })
		tidy <- false
		synctest.Wait()
		b.check(0, 0, 0, 0, 0)
		l = b.acquire()
		l.ReleaseAfter(func() bool { <-l.Conn().Done(); return true })
		b.close() // ends the connection, and so the waiting
		assert.Zero(t, b.pool.Stats().Open)
	})
}
