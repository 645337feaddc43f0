package main

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every decoder finds in every stream what was counted by hand, and goes on over the end of it.
func TestDecodersFindWhatStreamsHold(t *testing.T) {
	for _, make := range allStreams() {
		s := make()
		for _, d := range allDrivers() {
			if !d.Decode.reads(s) {
				continue
			}
			t.Run(s.Name+"/"+d.Name, func(t *testing.T) {
				require.NoError(t, d.Decode.check(s))
				pass := d.Decode.Open(s)
				for range 3 {
					require.NoError(t, pass())
				}
			})
		}
	}
}

// A mode for one kind of reply takes no part elsewhere.
func TestOnlyNamedStreams(t *testing.T) {
	assert.False(t, radixTyped.reads(mixedStream()))
	assert.True(t, radixTyped.reads(arrayStream()))
}

// Figures follow from the number of passes, and a pass that fails ends the measurement.
func TestTimePasses(t *testing.T) {
	in, calls := bulkStream(), 0
	m, err := timePasses(in, func() error { calls++; return nil }, func(n int, _ time.Duration) bool { return n < 3 })
	require.NoError(t, err)
	assert.Equal(t, 3, calls)
	assert.InEpsilon(t, float64(len(in.Bytes))/float64(in.Want.Replies)*1e3, m["ns"]*m["mbs"], 1e-9, "both are of the same time")
	assert.GreaterOrEqual(t, m["mbsbest"], m["mbs"]*0.999)
	boom := errors.New("boom")
	_, err = timePasses(in, func() error { return boom }, func(int, time.Duration) bool { return true })
	assert.ErrorIs(t, err, boom)
}

// The check is not blind: one value, one byte or one reply too many is found, and so is an error.
func TestCheckRefusesWrongContent(t *testing.T) {
	s := mixedStream()
	for _, d := range []Decoder{batonValues, batonFrames, radixAny, radixRaw} {
		for _, off := range []Tally{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}} {
			wrong := s
			wrong.Want.Values += off.Values
			wrong.Want.Text += off.Text
			wrong.Want.Replies -= off.Replies
			assert.ErrorContains(t, d.check(wrong), "decoded", "%+v", off)
		}
	}
	assert.ErrorContains(t, floorDecoder.check(Stream{Bytes: []byte("+OK\r\n+OK\r\n"), Want: Tally{1, 1, 2}}), "left")
	short := bulkStream()
	short.Bytes = short.Bytes[:len(short.Bytes)-1]
	for _, d := range []Decoder{batonValues, batonFrames, radixAny, radixRaw, redconBlock} {
		assert.Error(t, d.check(short))
	}
	boom := errors.New("boom")
	failing := Decoder{Count: func(Stream) (Tally, error) { return s.Want, boom }}
	assert.ErrorIs(t, failing.check(s), boom)
}

// redcon has no kinds of RESP3: the mixed stream is not for it, and reading it anyway fails.
func TestRedconIsOfferedRESP2Only(t *testing.T) {
	assert.False(t, redconBlock.reads(mixedStream()))
	assert.True(t, redconBlock.reads(mixedOldStream()))
	assert.ErrorIs(t, redconBlock.check(mixedStream()), errRedcon)
	assert.False(t, Decoder{}.reads(bulkStream()))
}

func TestSourceRepeats(t *testing.T) {
	s := &source{data: []byte("abcde")}
	b := make([]byte, 12)
	_, err := io.ReadFull(s, b)
	require.NoError(t, err)
	assert.Equal(t, "abcdeabcdeab", string(b))
}

// A reply across the end of the buffer is put together; one that can never fit is an error.
func TestRefill(t *testing.T) {
	b := refill{src: source{data: []byte("$5\r\nhello\r\n:1\r\n")}, buf: make([]byte, 13)}
	for range 5 {
		v, err := b.next()
		require.NoError(t, err)
		assert.Equal(t, "hello", string(v.Data))
		v, err = b.next()
		require.NoError(t, err)
		assert.Equal(t, "1", string(v.Data))
	}
	b = refill{src: source{data: []byte(strings.Repeat("x", 40))}, buf: make([]byte, 13)}
	_, err := b.next()
	assert.ErrorIs(t, err, errRedcon)
}

// BenchmarkDecode is one pass over a stream. Its content is checked first; the reader is made once.
func BenchmarkDecode(b *testing.B) {
	for _, make := range allStreams() {
		s := make()
		for _, d := range allDrivers() {
			if d.Decode.reads(s) {
				b.Run(s.Name+"/"+d.Name, func(b *testing.B) { benchDecode(b, d.Decode, s) })
			}
		}
	}
}

func benchDecode(b *testing.B, d Decoder, s Stream) {
	if err := d.check(s); err != nil {
		b.Fatal(err)
	}
	pass := d.Open(s)
	if err := pass(); err != nil { // buffers grow to their size
		b.Fatal(err)
	}
	b.SetBytes(int64(len(s.Bytes)))
	b.ReportAllocs()
	b.ResetTimer()
	m, err := timePasses(s, pass, func(n int, _ time.Duration) bool { return n < b.N })
	if err != nil {
		b.Fatal(err)
	}
	for metric, unit := range benchUnits {
		b.ReportMetric(m[metric], unit)
	}
}
