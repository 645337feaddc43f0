package handoff

import (
	"fmt"
	"slices"
	"time"
)

// Kind is the kind of a maintenance notification. The zero value, KindNone, means that there is none.
// The wire words are those of the server's pushes (Redis docs, "Smart client handoffs").
type Kind uint8

// The kinds of notification.
const (
	KindNone    Kind = iota
	Moving           // the peer stops serving this endpoint
	Migrating        // a shard is about to migrate: replies may be slow
	Migrated         // that migration is over
	FailingOver      // a shard is about to fail over: replies may be slow
	FailedOver       // that failover is over
	SMigrating       // slots of a cluster are about to move
	SMigrated        // those slots have another owner
)

// kindFacts describes a kind.
type kindFacts struct {
	word     string          // on the wire
	closes   Kind            // the kind of the opening that it ends
	elements []func(*parser) // read what follows the sequence number, in this order
}

var kinds = [...]kindFacts{
	Moving:      {"MOVING", KindNone, []func(*parser){(*parser).movingTime, (*parser).endpoint}},
	Migrating:   {"MIGRATING", KindNone, []func(*parser){(*parser).openingTime, (*parser).shards}},
	Migrated:    {"MIGRATED", Migrating, []func(*parser){(*parser).noTime, (*parser).shards}},
	FailingOver: {"FAILING_OVER", KindNone, []func(*parser){(*parser).openingTime, (*parser).shards}},
	FailedOver:  {"FAILED_OVER", FailingOver, []func(*parser){(*parser).noTime, (*parser).shards}},
	SMigrating:  {"SMIGRATING", KindNone, []func(*parser){(*parser).slots}},
	SMigrated:   {"SMIGRATED", SMigrating, []func(*parser){(*parser).slots}},
}

// String returns the word that is on the wire, "" for KindNone.
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k].word
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// kindOf knows the exact words only. SMOVING and SFAILING_OVER were drafts that no server sends.
func kindOf(word string) Kind {
	return Kind(max(0, slices.IndexFunc(kinds[:], func(f kindFacts) bool { return f.word == word })))
}

func (k Kind) facts() kindFacts {
	if int(k) < len(kinds) {
		return kinds[k]
	}
	return kindFacts{} // a hook may return any number
}

func (k Kind) closes() bool { return k.facts().closes != KindNone }

// SlotRange is an inclusive range of cluster slots.
type SlotRange struct{ First, Last uint16 }

// SlotMove says where slots go. SMIGRATING names the slots only: From and To are empty then.
type SlotMove struct {
	From, To string // canonical host:port
	Slots    []SlotRange
}

// EventID identifies an event of the server by the kind of the notification and its sequence number. The copies that other
// connections get have the same one.
type EventID struct {
	Kind Kind
	// Seq is meaningful only if HasSeq is set: 0 is an ordinary number and the first one that a database uses.
	Seq    int64
	HasSeq bool
}

// String returns the kind and the number, e.g. "MOVING seq 17".
func (id EventID) String() string {
	if !id.HasSeq {
		return id.Kind.String()
	}
	return fmt.Sprintf("%v seq %d", id.Kind, id.Seq)
}

// Notification is one maintenance push, typed. It is a plain value; its slices are not changed after parsing.
type Notification struct {
	EventID
	// In is the time until the peer stops serving (MOVING) or until the operation begins, from 0 to 10 minutes. HasIn is
	// false if the server did not say.
	In    time.Duration
	HasIn bool
	// Endpoint is the target of a MOVING, as canonical host:port. It is "" if the server names none, and if Unreadable is
	// set: then the target that it names cannot be read.
	Endpoint   string
	Unreadable bool
	// Shards are the ids of the shards concerned, as the operator of the server knows them.
	Shards []string
	// Slots are those of SMIGRATING and SMIGRATED.
	Slots []SlotMove
}

// delay is the time until a MOVING takes effect.
func (n Notification) delay() time.Duration {
	if !n.HasIn {
		return assumedIn
	}
	return n.In
}

// String gives one line for logs, e.g. "MOVING seq 17 in 15s to 10.0.0.7:12000".
func (n Notification) String() string {
	s := n.EventID.String()
	if n.HasIn {
		s += fmt.Sprintf(" in %v", n.In)
	}
	if n.Endpoint != "" {
		s += " to " + n.Endpoint
	}
	return s
}

// NotificationError tells which part of a maintenance push cannot be read. Hooks get it, and it is counted. The rest of the
// push is used, and the connection goes on.
type NotificationError struct {
	Kind   Kind
	Reason string // the part and why, with a bounded piece of what was sent
}

// Error gives "handoff: MOVING: endpoint ...".
func (e *NotificationError) Error() string {
	return fmt.Sprintf("handoff: %s: %s", e.Kind, e.Reason)
}
