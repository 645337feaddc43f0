package handoff

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/baton-go/baton/resp3"
)

const (
	maxIn         = 10 * time.Minute // a longer announcement is taken as this one: relaxing always ends
	maxSlot       = 16383
	maxShards     = 1024
	maxMoves      = 4096 // slot moves, and ranges of one move, kept of one push
	maxQuoted     = 64   // bytes of what the server sent that may stand in an error
	maxComplaints = 8    // of one push: they are kept on the timeline
	maxStrange    = 16   // names of unknown pushes that are reported

	blanks = " \t\r\n"
)

// ParseNotification reads a push. The bool reports whether it is a maintenance notification. Every shape that servers,
// proxies and mocks are known to send is accepted. An error means that a part is unreadable and was left out; the rest of
// the notification is usable. defaultPort completes an endpoint without a port. It should be the configured port, since
// databases of Redis Enterprise are hardly ever on 6379.
func ParseNotification(v resp3.Value, defaultPort string) (Notification, bool, error) {
	kind := kindOf(nameOf(v))
	if kind == KindNone {
		return Notification{}, false, nil
	}
	p := parser{port: defaultPort}
	p.n.Kind = kind
	for i := 1; i < min(v.Len(), 8); i++ { // no known shape has more than four
		p.rest = append(p.rest, v.Index(i))
	}
	p.seq()
	for _, e := range kind.facts().elements {
		e(&p)
	}
	return p.n, true, errors.Join(p.errs...)
}

// nameOf returns the name of a push, "" if v is none.
func nameOf(v resp3.Value) string {
	if v.Kind() != resp3.Push {
		return ""
	}
	name, _ := v.Index(0).Text()
	return name
}

// parser reads the elements of one push.
type parser struct {
	n    Notification
	port string
	rest []resp3.Value // not read yet
	errs []error
}

//go:noinline
func (p *parser) complain(format string, args ...any) {
	if len(p.errs) < maxComplaints {
		p.errs = append(p.errs, &NotificationError{Kind: p.n.Kind, Reason: fmt.Sprintf(format, args...)})
	}
}

// next removes the next element and returns it. false: there is none, or it is null.
//
//go:noinline
func (p *parser) next() (v resp3.Value, ok bool) {
	if len(p.rest) == 0 {
		return v, false
	}
	v = p.rest[0]
	p.rest = p.rest[1:]
	return v, !v.IsNull()
}

// seq reads the sequence number. If there is none, a text or a list in its place belongs to the next element. An integer
// that stands alone is the number, not the seconds: several kinds were seen without seconds.
func (p *parser) seq() {
	if len(p.rest) == 0 {
		return
	}
	v, more := p.rest[0], len(p.rest) > 1
	n, ok := integer(v)
	switch {
	case ok:
		p.n.Seq, p.n.HasSeq = n, true
	case v.IsNull():
		if !more {
			return
		}
	case isText(v):
		if !more || p.rest[1].Kind() != resp3.Integer { // no form has a number behind another text
			return
		}
		p.complain("sequence number is no number")
	case v.Kind() == resp3.Array:
		return
	default:
		p.complain("sequence number is a %v", v.Kind())
	}
	p.next()
}

// seconds reads the time if there is one.
func (p *parser) seconds() {
	if len(p.rest) == 0 {
		return
	}
	if n, ok := integer(p.rest[0]); ok {
		// Late joiners are told 0 or less, which means now. Multiplying first would overflow.
		p.n.In, p.n.HasIn = time.Duration(min(max(n, 0), int64(maxIn/time.Second)))*time.Second, true
		p.next()
	} else if p.rest[0].IsNull() && len(p.rest) > 1 {
		p.next()
	}
}

// movingTime reads the time before an endpoint. It skips an element that is neither a time nor an endpoint with a port.
func (p *parser) movingTime() {
	p.seconds()
	if p.n.HasIn || len(p.rest) < 2 {
		return
	}
	v := p.rest[0]
	if text, err := v.Text(); v.IsNull() || err == nil && isText(v) && strings.Contains(text, ":") {
		return
	}
	p.complain("time is no number of seconds")
	p.next()
}

// openingTime reads the time before a shard list. A text that comes last is the list, even if it is a number: go-redis's
// mock sends slots there, and no known opening ends with a time in text.
func (p *parser) openingTime() {
	if len(p.rest) > 1 || len(p.rest) == 1 && p.rest[0].Kind() == resp3.Integer {
		p.seconds()
	}
}

// noTime skips a time: completions have none.
func (p *parser) noTime() {
	for len(p.rest) > 0 && p.rest[0].Kind() == resp3.Integer {
		p.next()
	}
}

func (p *parser) endpoint() {
	v, ok := p.next()
	if !ok {
		return
	}
	text, err := v.Text()
	if err != nil || !isText(v) {
		p.complain("endpoint is a %v", v.Kind())
		p.n.Unreadable = true
		return
	}
	if p.n.Endpoint, err = parseEndpoint(text, p.port); err != nil {
		p.complain("%v", err)
		p.n.Unreadable = true
	}
}

func (p *parser) shards() {
	v, ok := p.next()
	if !ok {
		return
	}
	if text, err := v.Text(); err == nil {
		p.n.Shards = splitShards(text)
		return
	}
	if v.Kind() != resp3.Array && v.Kind() != resp3.Set {
		p.complain("shard list is a %v", v.Kind())
		return
	}
	for e := range v.All() {
		if text, err := e.Text(); err == nil && len(p.n.Shards) < maxShards {
			p.n.Shards = append(p.n.Shards, text)
		}
	}
}

// splitShards reads a JSON array of strings, as servers send it, or a comma-separated list. Ids are numbers and hold no
// comma. encoding/json would be a fiftieth of a small program.
func splitShards(text string) []string {
	text = strings.Trim(text, blanks)
	if text == "" || len(text) > 1<<16 {
		return nil
	}
	if inner, ok := strings.CutPrefix(text, "["); ok && strings.HasSuffix(inner, "]") {
		text = inner[:len(inner)-1]
	}
	shards := []string{}
	for id := range strings.SplitSeq(text, ",") {
		id = strings.Trim(id, blanks)
		if unquoted, err := strconv.Unquote(id); err == nil {
			id = unquoted
		}
		if id != "" && len(shards) < maxShards {
			shards = append(shards, id)
		}
	}
	return shards
}

// slots reads the slots of SMIGRATING and the moves of SMIGRATED.
func (p *parser) slots() {
	v, ok := p.next()
	text, err := v.Text()
	switch {
	case !ok:
		p.complain("no slots")
	case p.n.Kind == SMigrating && err != nil:
		p.complain("slots are a %v", v.Kind())
	case p.n.Kind == SMigrating:
		p.n.Slots = []SlotMove{{Slots: p.ranges(text)}}
	case v.Kind() != resp3.Array || v.Len() == 0:
		p.complain("list of slot moves is a %v of %d", v.Kind(), v.Len())
	default:
		for move := range v.All() {
			p.slotMove(move)
		}
	}
}

// slotMove reads a triplet of source, destination and slots. Pairs and flat lists of drafts have no source: not guessed.
func (p *parser) slotMove(v resp3.Value) {
	if v.Kind() != resp3.Array || v.Len() < 3 || len(p.n.Slots) >= maxMoves {
		p.complain("slot move is a %v of %d", v.Kind(), v.Len())
		return
	}
	var text [3]string
	for i := range text {
		t, err := v.Index(i).Text()
		if err != nil {
			p.complain("slot move holds a %v", v.Index(i).Kind())
			return
		}
		text[i] = t
	}
	from, errFrom := parseEndpoint(text[0], p.port)
	to, errTo := parseEndpoint(text[1], p.port)
	if errFrom != nil || errTo != nil || to == "" {
		p.complain("slot move from %s to %s", quote(text[0]), quote(text[1]))
		return
	}
	if r := p.ranges(text[2]); len(r) > 0 {
		p.n.Slots = append(p.n.Slots, SlotMove{From: from, To: to, Slots: r})
	}
}

// ranges reads "123,456,789-1000", in any order. A bad entry is left out.
func (p *parser) ranges(text string) []SlotRange {
	var out []SlotRange
	for entry := range strings.SplitSeq(text, ",") {
		if len(out) == maxMoves {
			break
		}
		from, to, isRange := strings.Cut(entry, "-")
		if !isRange {
			to = from
		}
		a, errA := strconv.ParseUint(from, 10, 16)
		b, errB := strconv.ParseUint(to, 10, 16)
		if errA != nil || errB != nil || a > b || b > maxSlot {
			p.complain("slots %s, limit %d", quote(entry), maxSlot)
			continue
		}
		out = append(out, SlotRange{uint16(a), uint16(b)})
	}
	return out
}

// integer returns the number that v is or spells: older proxies send integers as bulk strings.
func integer(v resp3.Value) (int64, bool) {
	if v.Kind() != resp3.Integer && !isText(v) {
		return 0, false
	}
	n, err := v.Int()
	return n, err == nil
}

func isText(v resp3.Value) bool {
	k := v.Kind()
	return !v.IsNull() && (k == resp3.BulkString || k == resp3.SimpleString || k == resp3.VerbatimString)
}

func quote(s string) string {
	if len(s) > maxQuoted {
		s = s[:maxQuoted] + "..."
	}
	return strconv.Quote(s)
}
