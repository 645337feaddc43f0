package baton

import (
	"time"

	"github.com/baton-go/baton/resp3"
)

// StreamID is the id of a message, "1526919030474-55", or one of those with a meaning of their own.
type StreamID string

// Ids with a meaning of their own.
const (
	AutoID  StreamID = "*" // XAdd: the server chooses
	FirstID StreamID = "-" // XRange: the first there is
	LastID  StreamID = "+" // XRange: the last there is
	NewID   StreamID = "$" // XGroupCreate: the last there is now
)

// XMessage is a message of a stream.
type XMessage struct {
	ID     StreamID
	Fields []Field // in their order; nil if the message was removed meanwhile
}

// Value returns the value of a field, and whether there is one.
func (m XMessage) Value(name string) (string, bool) {
	for _, f := range m.Fields {
		if f.Name == name {
			return f.Value, true
		}
	}
	return "", false
}

// XPendingSummary is what XPending tells.
type XPendingSummary struct {
	Count     int64            // messages that are not acknowledged
	From, To  StreamID         // the first and the last of them; empty if there are none
	Consumers map[string]int64 // how many of them each consumer has
}

// XPendingEntry is one message that is not acknowledged.
type XPendingEntry struct {
	ID         StreamID
	Consumer   string
	Idle       time.Duration // since it was delivered last
	Deliveries int64
}

// XAutoClaimed is what XAutoClaim did.
type XAutoClaimed struct {
	Next     StreamID // where to go on; "0-0" if that was all
	Messages []XMessage
	Deleted  []StreamID // that were pending and are in the stream no more; since Redis 7.0
}

func decodeID(reply string) (StreamID, error) {
	s, err := decodeText(reply)
	return StreamID(s), err
}

func nextID(w *resp3.Cursor) (StreamID, error) {
	s, err := w.Text()
	return StreamID(s), err
}

func decodeMessages(reply string) ([]XMessage, error) { return decode(reply, nextMessages) }

// nextMessages leaves out the nulls that old servers put in the place of messages that were removed.
func nextMessages(w *resp3.Cursor) ([]XMessage, error) {
	n, err := listHeader(w)
	if err != nil {
		return nil, err
	}
	out := make([]XMessage, 0, n)
	for range n {
		m, err := nextMessage(w)
		if err == resp3.ErrNull {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

func nextMessage(w *resp3.Cursor) (m XMessage, err error) {
	if err = tupleHeader(w, 2); err != nil {
		return m, err
	}
	if m.ID, err = nextID(w); err != nil {
		return m, nullIsNil(err)
	}
	m.Fields, err = pairsOf(w, field)
	if len(m.Fields) == 0 {
		m.Fields = nil
	}
	return m, err
}

// decodeStreams reads a map of streams, or the array of pairs that RESP2 has for it.
func decodeStreams(reply string) ([]StreamMessages, error) {
	w := resp3.Walk(reply)
	return pairsOf(&w, func(w *resp3.Cursor, nested bool) (s StreamMessages, err error) {
		if s.Stream, err = pairKey(w, nested); err == nil {
			s.Messages, err = nextMessages(w)
		}
		return s, nullIsNil(err)
	})
}

func decodePending(reply string) (XPendingSummary, error) { return decode(reply, nextPending) }

func nextPending(w *resp3.Cursor) (s XPendingSummary, err error) {
	if err = tupleHeader(w, 4); err != nil {
		return s, err
	}
	if s.Count, err = w.Int(); err != nil {
		return s, err
	}
	from, err := optText(w)
	if err != nil {
		return s, err
	}
	to, err := optText(w)
	if err != nil {
		return s, err
	}
	s.From, s.To = StreamID(from.V), StreamID(to.V)
	n, err := listHeader(w)
	s.Consumers = make(map[string]int64, n)
	for range n {
		name, err := pairKey(w, true)
		if err != nil {
			return s, err
		}
		if s.Consumers[name], err = w.Int(); err != nil {
			return s, err
		}
	}
	return s, err
}

func decodePendingList(reply string) ([]XPendingEntry, error) {
	return each(reply, func(w *resp3.Cursor) (e XPendingEntry, err error) {
		if err = tupleHeader(w, 4); err != nil {
			return e, err
		}
		if e.ID, err = nextID(w); err != nil {
			return e, err
		}
		if e.Consumer, err = w.Text(); err != nil {
			return e, err
		}
		idle, err := w.Int()
		if err != nil {
			return e, err
		}
		if e.Idle, err = span(idle, time.Millisecond); err != nil {
			return e, err
		}
		e.Deliveries, err = w.Int()
		return e, err
	})
}

func decodeAutoClaim(reply string) (XAutoClaimed, error) { return decode(reply, nextAutoClaimed) }

func nextAutoClaimed(w *resp3.Cursor) (a XAutoClaimed, err error) {
	n, err := w.Open()
	if err != nil {
		return a, err
	}
	if n < 2 {
		return a, misshapen("reply has %d values where 2 or 3 belong", n)
	}
	if a.Next, err = nextID(w); err != nil {
		return a, err
	}
	if a.Messages, err = nextMessages(w); err != nil || n < 3 {
		return a, err
	}
	a.Deleted, err = eachOf(w, nextID)
	return a, err
}
