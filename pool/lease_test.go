package pool_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/baton-go/baton/pool"
)

func TestLeaseIsGivenBackWhenItIsTidy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, pool.Config{Size: 2})
		l, tidy := p.acquire(), make(chan bool)
		l.ReleaseAfter(func() bool { return <-tidy })
		l.ReleaseAfter(func() bool { panic("once is enough") })
		l.Release()
		l.Discard()
		assert.True(t, l.Over())
		p.check(1, 0, 0, 1, 0)
		tidy <- true
		synctest.Wait()
		p.check(1, 0, 1, 0, 0)
		l = p.acquire()
		l.ReleaseAfter(func() bool { return <-tidy })
		tidy <- false
		synctest.Wait()
		p.check(0, 0, 0, 0, 0)
		l = p.acquire()
		l.ReleaseAfter(func() bool { <-l.Conn().Done(); return true })
		p.pool.Close() // ends the connection, and so the waiting
		assert.Zero(t, p.pool.Stats().Open)
	})
}
