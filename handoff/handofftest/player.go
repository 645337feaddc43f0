package handofftest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Player plays scripts against a client. With Backend "" everything happens in memory; Play is then called within a bubble
// of testing/synctest, where the seconds of a script take no time.
type Player struct {
	// Open makes the client that the script is played against. It must dial with Stage.DialContext, look names up with
	// Stage.LookupHost, and refuse settings it does not know.
	Open func(st *Stage) (*Client, error)
	// Off plays the control: the client has the feature switched off, and the lines with "off" hold instead of those with "expect".
	Off bool
	// Settle, if not nil, returns when everybody waits: synctest.Wait.
	Settle func()
	// Backend is the address of a real Redis. The nodes are then proxies on loopback addresses, and time is real: all times are
	// multiplied by Scale, and expectations are waited for, for up to ReplyTimeout. Only scripts that say "real: yes" can be played so.
	Backend      string
	Scale        float64
	ReplyTimeout time.Duration
}

// Client is a client under test, as functions. Nil ones are not needed by scripts that do not ask for what they tell. All may be called concurrently.
type Client struct {
	// Do sends a command and returns its reply as text; a null reply is "" without an error.
	Do func(ctx context.Context, args ...string) (string, error)
	// Peers counts the client's connections by the address of the peer.
	Peers func() map[string]int
	// Events are what the client has recorded, one line for each event.
	Events func() []string
	// Facts are the other quantities that scripts may ask for, by name: counters, durations, words.
	Facts func() map[string]string
	// Close ends the client, with all its connections and goroutines.
	Close func() error
}

// Play plays s and returns everything that did not hold, each with file and line, and with what the client has recorded;
// nil if all held. Besides the expectations of the script it holds the client to this: increments are neither lost nor doubled, values belong
// to their keys, no connection is open after Close, and the client has opted in if, and only if, it should have.
func (p Player) Play(ctx context.Context, s *Script) error {
	if p.Backend == "" {
		p.Scale = 1
	} else if !s.Real {
		return fmt.Errorf("%s: is not made for real sockets (real: yes)", s.Name)
	}
	if p.Off && !s.HasControl() {
		return fmt.Errorf("%s: says nothing about a client with the feature off", s.Name)
	}
	st, err := newStage(s, p.Off, p.Backend, p.Scale)
	if err != nil {
		return err
	}
	client, err := p.Open(st)
	if err != nil {
		st.Server.Close()
		return fmt.Errorf("%s: open the client: %w", s.Name, err)
	}
	r := &play{Player: p, ctx: ctx, s: s, st: st, client: client, begun: time.Now(), calls: map[string]*scriptCall{}}
	r.load = &load{do: client.Do, prefix: fmt.Sprintf("timeline:%s:%d:", s.Name, time.Now().UnixNano()), stop: make(chan struct{})}
	return r.run()
}

// play is one performance.
type play struct {
	Player
	ctx    context.Context
	s      *Script
	st     *Stage
	client *Client
	begun  time.Time
	load   *load
	calls  map[string]*scriptCall
	wg     sync.WaitGroup // calls
	closed bool
	errs   []error
}

// scriptCall is a command that the script sends by itself.
type scriptCall struct {
	begun time.Time

	mu   sync.Mutex
	text string // "" while it is pending
	took time.Duration
}

func (r *play) run() error {
	for _, l := range r.s.lines {
		if (l.command == "off") != r.Off && l.claim != nil {
			continue
		}
		if err := r.step(l); err != nil {
			r.errs = append(r.errs, fmt.Errorf("%s:%d: %s: %w", r.s.Name, l.number, l.text, err))
			break // what follows would only tell of the same
		}
	}
	story := r.story() // before the end, which makes events of its own
	r.finish()
	if len(r.errs) == 0 {
		return nil
	}
	return errors.Join(append(r.errs, errors.New(story))...)
}

func (r *play) step(l scriptLine) error {
	at := r.begun.Add(time.Duration(float64(l.time) * r.Scale))
	switch {
	case l.claim == nil:
		r.sleepUntil(at)
		return r.perform(l)
	case l.when == "until":
		return r.throughout(l.claim, at)
	case l.when == "at":
		r.sleepUntil(at)
	}
	return r.await(l.claim, at)
}

func (r *play) sleepUntil(at time.Time) {
	if d := time.Until(at); d > 0 {
		time.Sleep(d)
	}
	r.settle()
}

func (r *play) settle() {
	if r.Settle != nil {
		r.Settle()
	}
}

// pollEvery is how often a claim is looked at while it is waited for.
const pollEvery = 10 * time.Millisecond

// await returns when c holds, with an error if it does not by then. Real machines are slower than a script: they have Patience.
func (r *play) await(c *claim, by time.Time) error {
	if r.Backend != "" {
		by = time.Now().Add(r.ReplyTimeout)
	}
	for {
		r.settle()
		got, ok, err := r.look(c)
		if ok || err != nil {
			return err
		}
		if !time.Now().Before(by) {
			return fmt.Errorf("it is %q", got)
		}
		time.Sleep(min(pollEvery, max(time.Until(by), time.Microsecond)))
	}
}

// throughout looks at c from now on until the instant, often.
func (r *play) throughout(c *claim, until time.Time) error {
	for {
		r.settle()
		got, ok, err := r.look(c)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("it is %q after %v", got, time.Since(r.begun))
		}
		if !time.Now().Before(until) {
			return nil
		}
		time.Sleep(min(pollEvery, time.Until(until)))
	}
}

func (r *play) look(c *claim) (got string, ok bool, err error) {
	if got, err = r.quantity(c); err != nil {
		return "", false, err
	}
	ok, err = c.holds(got)
	return got, ok, err
}

func (r *play) quantity(c *claim) (string, error) {
	if got, ok := r.st.quantity(c.quantity, c.arg); ok {
		return got, nil
	}
	switch c.quantity {
	case "on":
		return strconv.Itoa(r.client.Peers()[r.st.nodes[c.arg].Addr()]), nil
	case "event":
		n := 0
		for _, e := range r.client.Events() {
			if strings.Contains(e, c.arg) {
				n++
			}
		}
		return strconv.Itoa(n), nil
	case "failed":
		return strconv.FormatInt(r.load.failed.Load(), 10), nil
	case "done":
		return strconv.FormatInt(r.load.done.Load(), 10), nil
	case "call", "took":
		return r.calls[c.arg].tell(c.quantity), nil
	}
	if r.client.Facts != nil {
		if got, ok := r.client.Facts()[c.quantity]; ok {
			return got, nil
		}
	}
	return "", fmt.Errorf("neither player nor client know %q", c.quantity)
}

func (c *scriptCall) tell(text string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case text == "took" && c.text == "":
		return time.Since(c.begun).String()
	case text == "took":
		return c.took.String()
	case c.text == "":
		return "pending"
	}
	return c.text
}

func (r *play) perform(l scriptLine) error {
	switch l.command {
	case "load":
		every, _ := time.ParseDuration(l.args[1]) // not scaled: a faster run must not be a heavier one
		r.load.start(r.ctx, number(l.args[0]), every)
	case "stop":
		r.load.end()
	case "call":
		r.call(l.args[0], l.args[1:])
	case "close":
		r.close()
	default:
		return scriptVerbs[l.command].do(r.st, l.args)
	}
	return nil
}

func (r *play) call(name string, args []string) {
	c := &scriptCall{begun: time.Now()}
	r.calls[name] = c
	args = slices.Clone(args)
	for i, a := range args {
		if key, ours := strings.CutPrefix(a, "@"); ours {
			args[i] = r.load.prefix + key
		}
	}
	r.wg.Go(func() {
		text, err := r.client.Do(r.ctx, args...)
		if err != nil {
			text = "failed: " + err.Error()
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.text, c.took = strconv.Quote(text), time.Since(c.begun)
		if err != nil || text != "" {
			c.text = text
		}
	})
}

func (r *play) close() {
	if r.closed {
		return
	}
	r.closed = true
	if err := r.client.Close(); err != nil {
		r.errs = append(r.errs, fmt.Errorf("%s: close the client: %w", r.s.Name, err))
	}
}

// finish ends everything and checks what holds for every script.
func (r *play) finish() {
	bad := func(err error) {
		if err != nil {
			r.errs = append(r.errs, fmt.Errorf("%s: %w", r.s.Name, err))
		}
	}
	if len(r.errs) > 0 || r.Off {
		r.close() // somebody may wait for what never comes
	}
	r.load.end()
	bad(r.load.verdict(r.total))
	r.close()
	r.wg.Wait()
	bad(r.optIn())
	r.leaveTime()
	bad(r.st.closed())
}

// optIn guards against scripts that prove nothing: without the opt-in a client passes wherever nothing happens.
func (r *play) optIn() error {
	probes := 0
	r.st.mu.Lock()
	for _, n := range r.st.probes {
		probes += n
	}
	r.st.mu.Unlock()
	switch {
	case r.Off && probes > 0:
		return fmt.Errorf("the feature is off, and the client has asked for notifications %d times", probes)
	case !r.Off && probes == 0 && r.s.server["resp2"] == "":
		return errors.New("the client has never asked for notifications: nothing is proved")
	}
	return nil
}

// leaveTime lets the server see that the client has gone, for at most ten seconds.
func (r *play) leaveTime() {
	for range 1000 {
		r.settle()
		open := int64(0)
		for _, n := range r.st.nodes {
			open += n.Stats().Open
		}
		if open == 0 {
			return
		}
		time.Sleep(pollEvery)
	}
}

// total asks for the counter that the load has incremented, not through the client.
func (r *play) total(key string) (string, error) {
	if r.Backend == "" {
		v, _ := r.st.Server.Value(key)
		return v, nil
	}
	return askRedis(r.Backend, "GET", key)
}

// maxTold is how many events of the client a failure shows.
const maxTold = 40

// story is what the client has recorded, for whoever has to find out why.
func (r *play) story() string {
	text := "about: " + r.s.About
	for _, f := range r.load.story() {
		text += "\na command of the load failed " + f
	}
	if r.client.Events == nil {
		return text
	}
	events := r.client.Events()
	if more := len(events) - maxTold; more > 0 {
		events = append([]string{fmt.Sprintf("(%d more)", more)}, events[more:]...)
	}
	return text + "\nthe client recorded:\n  " + strings.Join(events, "\n  ")
}
