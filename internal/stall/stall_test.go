package stall

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMeterSeesStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := Start()
		defer m.Stop()
		<-time.After(time.Second)
		require.Equal(t, Late{Of: time.Second}, m.Lap())

		// Nobody is woken while the machine stalls: to the meter that is as if it had been woken long ago.
		stall := func(d time.Duration) {
			synctest.Wait() // for the tick of now
			m.mu.Lock()
			m.woken = m.woken.Add(-d)
			m.mu.Unlock()
		}
		for _, d := range []time.Duration{time.Second, worthCounting - 1, 20 * time.Millisecond} {
			stall(d)
			<-time.After(time.Second)
		}
		require.Equal(t, Late{Of: 3 * time.Second, Longest: time.Second, Total: 1020 * time.Millisecond}, m.Lap())

		stall(time.Minute)
		require.Equal(t, time.Minute-Look, m.Lap().Longest, "the meter itself has not been woken yet")
		<-time.After(time.Second)
		require.Zero(t, m.Lap().Longest, "it counts once")
	})
}

func TestWhatIsExcused(t *testing.T) {
	const s, grace = time.Second, 4 * time.Second
	for late, want := range map[Late]bool{
		{Of: 4 * s}: false,
		{Of: 4 * s, Longest: s * 4 / 10, Total: s * 4 / 10}:       false,
		{Of: 4 * s, Longest: s*4/10 + 1, Total: s*4/10 + 1}:       true,
		{Of: 4 * s, Longest: 20 * time.Millisecond, Total: s}:     false,
		{Of: 4 * s, Longest: 20 * time.Millisecond, Total: s + 1}: true,
	} {
		require.Equal(t, want, late.Excuses(grace), "%+v", late)
	}
}
