package handofftest

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/baton-go/baton/handoff/handofftest/resp3test"
	"github.com/baton-go/baton/resp3"
)

// Dialect varies the shape of maintenance pushes. The zero value is what was
// captured from Redis Enterprise: names and endpoints as bulk strings, numbers as
// integers, a missing endpoint as RESP3 null. The variations exist in proxies, mocks
// and drafts; a client should understand all of them. They can be combined.
type Dialect struct {
	SimpleName     bool   // the name of the push as a simple string
	SimpleEndpoint bool   // the endpoint of MOVING as a simple string
	NullBulk       bool   // a missing endpoint as $-1 instead of _
	NullText       string // a missing endpoint as this text: "null", "(nil)", "?"; "" is null
	ShortMoving    bool   // MOVING without its fourth element
	BareShards     bool   // shard pushes with a name and a sequence number only
	NoSeq          bool   // no sequence number
	TextInts       bool   // numbers as bulk strings
	Extra          bool   // one element more at the end
	Attribute      bool   // an attribute in front of the push
}

// notice is one maintenance event as the operator ordered it. Connections get it in
// different words: the endpoint depends on what they asked for, the seconds on when.
type notice struct {
	name   string
	seq    int64
	at     time.Time // when it happens; zero: the push carries no time
	moving bool      // has an endpoint
	target string    // of MOVING; "": none
	shards []string  // of MIGRATING and its kin
	tail   []byte    // one element already encoded, of the slot pushes
}

// secondsUntil rounds down, so that a connection that comes late is told less; the
// tenth of a second that an announcement may take on its way does not count. It is
// negative once the time has passed, as on real servers.
func secondsUntil(at, now time.Time) int64 {
	left := at.Sub(now) + 100*time.Millisecond
	secs := int64(left / time.Second)
	if left < 0 && left%time.Second != 0 {
		secs--
	}
	return secs
}

// frame encodes n as a push; endpoint is what to name, "" for none.
func (d Dialect) frame(n notice, endpoint string, now time.Time) []byte {
	var body []byte
	elems := 0
	add := func(b []byte) { body, elems = b, elems+1 }

	add(d.appendName(body, n.name))
	if !d.NoSeq {
		add(d.appendInt(body, n.seq))
	}
	bare := d.BareShards && n.shards != nil
	if !n.at.IsZero() && !bare {
		add(d.appendInt(body, secondsUntil(n.at, now)))
	}
	switch {
	case n.moving && !d.ShortMoving:
		add(d.appendEndpoint(body, endpoint))
	case n.shards != nil && !bare:
		add(appendShards(body, n.shards))
	case n.tail != nil:
		add(append(body, n.tail...))
	}
	if d.Extra {
		add(resp3.AppendBulkString(body, "extra"))
	}
	var out []byte
	if d.Attribute {
		out = resp3.AppendHeader(out, resp3.Attribute, 1)
		out = resp3test.AppendSimpleString(out, "kit")
		out = resp3test.AppendInteger(out, 1)
	}
	return append(resp3.AppendHeader(out, resp3.Push, elems), body...)
}

func (d Dialect) appendName(b []byte, name string) []byte {
	if d.SimpleName {
		return resp3test.AppendSimpleString(b, name)
	}
	return resp3.AppendBulkString(b, name)
}

func (d Dialect) appendInt(b []byte, i int64) []byte {
	if d.TextInts {
		return resp3.AppendBulkString(b, strconv.FormatInt(i, 10))
	}
	return resp3test.AppendInteger(b, i)
}

func (d Dialect) appendEndpoint(b []byte, endpoint string) []byte {
	if endpoint == "" {
		endpoint = d.NullText
	}
	switch {
	case endpoint == "" && d.NullBulk:
		return resp3test.AppendNullBulkString(b)
	case endpoint == "":
		return resp3test.AppendNull(b)
	case d.SimpleEndpoint:
		return resp3test.AppendSimpleString(b, endpoint)
	}
	return resp3.AppendBulkString(b, endpoint)
}

// appendShards encodes the ids as servers do: one bulk string that holds JSON.
func appendShards(b []byte, shards []string) []byte {
	text, _ := json.Marshal(shards) // strings always marshal
	return resp3.AppendBulkString(b, text)
}
