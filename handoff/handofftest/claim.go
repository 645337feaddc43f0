package handofftest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// claim is what an "expect" or "off" line says: a quantity, a comparison, a value.
type claim struct {
	quantity string
	arg      string // node, name of a call, or text to look for
	op       string
	want     string
}

var claimOps = []string{"=", "!=", "<", "<=", ">", ">=", "~"}

// quantities that the player knows, with the kind of their argument. Others are facts of the client.
var quantities = map[string]string{
	"open":     "node", // sockets that are open at the node
	"on":       "node", // connections of the client that the node serves
	"accepted": "node", // connections ever
	"dials":    "node", // attempts to connect, refused ones included
	"optins":   "node", // opt-ins it accepted
	"probes":   "node", // opt-ins it was asked for
	"asked":    "node", // endpoint type it was asked for last
	"told":     "node", // maintenance pushes it sent; those of push are not counted
	"event":    "word", // events of the client with this text in them
	"call":     "call", // "pending", "failed: ..." or the reply
	"took":     "call", // how long it took so far
	"failed":   "",     // commands of the load that failed
	"done":     "",     // commands of the load that succeeded
	"lookups":  "",     // names looked up
}

func parseClaim(s *Script, calls, words []string) (*claim, error) {
	at := slices.IndexFunc(words, func(w string) bool { return slices.Contains(claimOps, w) })
	if at < 1 || at > 2 || len(words) != at+2 {
		return nil, fmt.Errorf("an expectation is: QUANTITY [OF] %s VALUE, this is %q", strings.Join(claimOps, "|"), strings.Join(words, " "))
	}
	c := &claim{quantity: words[0], op: words[at], want: words[at+1]}
	kind, known := quantities[c.quantity]
	switch {
	case known && (kind != "") != (at == 2), !known && at == 2:
		return nil, fmt.Errorf("%s takes %s", c.quantity, map[bool]string{true: "the name of a " + kind, false: "no argument"}[kind != ""])
	case at == 2:
		c.arg = words[1]
	}
	switch kind {
	case "node":
		return c, checkArg(s, kind, c.arg)
	case "call":
		if !slices.Contains(calls, c.arg) {
			return nil, fmt.Errorf("no call above has the name %q", c.arg)
		}
	}
	return c, nil
}

// holds compares numbers and durations as such, anything else as text; '~' asks whether got contains want.
func (c *claim) holds(got string) (bool, error) {
	switch c.op {
	case "~":
		return strings.Contains(got, c.want), nil
	case "=", "!=":
		same := got == c.want
		if a, b, ok := measures(got, c.want); ok {
			same = a == b
		}
		return same == (c.op == "="), nil
	}
	a, b, ok := measures(got, c.want)
	if !ok {
		return false, fmt.Errorf("%q and %q cannot be ordered", got, c.want)
	}
	switch c.op {
	case "<":
		return a < b, nil
	case "<=":
		return a <= b, nil
	case ">":
		return a > b, nil
	}
	return a >= b, nil
}

// measures gives two texts as numbers of one kind.
func measures(x, y string) (a, b float64, ok bool) {
	a, errA := strconv.ParseFloat(x, 64)
	b, errB := strconv.ParseFloat(y, 64)
	if errA == nil && errB == nil {
		return a, b, true
	}
	d, errD := time.ParseDuration(x)
	e, errE := time.ParseDuration(y)
	return float64(d), float64(e), errD == nil && errE == nil
}
