package main

import (
	"errors"

	"github.com/tidwall/redcon"
)

// redconDrivers is the RESP reader of redcon. It reads from one block of bytes, not from a stream, knows RESP2 only, and cuts
// pieces out of the block instead of making values.
func redconDrivers() []Driver {
	return []Driver{
		{Name: "redcon", Role: Peer, Decode: redconBlock},
		{Name: "redcon-read", Role: Peer, Decode: redconRead},
	}
}

// errRedcon stands for whatever redcon refuses; it does not say why, nor whether more bytes would help.
var errRedcon = errors.New("redcon: no whole reply")

// redconBlock has the whole stream in one block from the beginning, so nothing is read.
var redconBlock = Decoder{
	Bare: true,
	Open: func(s Stream) func() error {
		return func() error {
			for rest := s.Bytes; len(rest) > 0; {
				n, _ := redcon.ReadNextRESP(rest)
				if n == 0 {
					return errRedcon
				}
				rest = rest[n:]
			}
			return nil
		}
	},
	Count: func(s Stream) (t Tally, err error) {
		for rest := s.Bytes; len(rest) > 0; {
			n, v := redcon.ReadNextRESP(rest)
			if n == 0 {
				return t, errRedcon
			}
			t = t.plus(tallyRedcon(v))
			t.Replies++
			rest = rest[n:]
		}
		return t, nil
	},
	Old: true,
}

// redconRead has the stream read into a buffer like the other decoders; the reading is ours.
var redconRead = Decoder{
	Bare: true,
	Open: func(s Stream) func() error {
		b := refill{src: source{data: s.Bytes}, buf: make([]byte, floorBuffer)}
		return func() error {
			for range s.Want.Replies {
				if _, err := b.next(); err != nil {
					return err
				}
			}
			return nil
		}
	},
	Count: func(s Stream) (t Tally, err error) {
		b := refill{src: source{data: s.Bytes}, buf: make([]byte, floorBuffer)}
		for range s.Want.Replies {
			v, err := b.next()
			if err != nil {
				return t, err
			}
			t = t.plus(tallyRedcon(v))
			t.Replies++
		}
		return t, nil
	},
	Old: true,
}

// refill is a buffer in front of a source.
type refill struct {
	src  source
	buf  []byte
	r, w int
}

// next returns the next reply, which stays valid until the next call.
func (b *refill) next() (redcon.RESP, error) {
	for {
		n, v := redcon.ReadNextRESP(b.buf[b.r:b.w])
		if n > 0 {
			b.r += n
			return v, nil
		}
		if b.r == 0 && b.w == len(b.buf) {
			return v, errRedcon
		}
		b.w = copy(b.buf, b.buf[b.r:b.w])
		b.r = 0
		n, err := b.src.Read(b.buf[b.w:])
		if err != nil {
			return v, err
		}
		b.w += n
	}
}

func tallyRedcon(v redcon.RESP) Tally {
	t := Tally{Values: 1}
	switch v.Type {
	case redcon.Bulk, redcon.String:
		t.Text = len(v.Data)
	case redcon.Array:
		v.ForEach(func(x redcon.RESP) bool { t = t.plus(tallyRedcon(x)); return true })
	}
	return t
}
