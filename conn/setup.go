package conn

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/resp3"
)

// step is one command of the set-up and what to do with its reply. An error ends the set-up.
type step struct {
	name  string
	args  []string
	reply func(v resp3.Value) error
}

// steps are those of one write.
type steps []step

//go:noinline
func (s *steps) add(name string, reply func(v resp3.Value) error, args ...string) {
	*s = append(*s, step{name, args, reply})
}

// setUp makes a fresh link usable. All commands go out in one write and their replies are consumed strictly in order; pushes
// may stand between any two. The opt-in of an endpoint that nobody knows yet waits for the answer to HELLO. A server that does not know HELLO gets a second write in RESP2.
func (l *link) setUp(ctx context.Context) error {
	user, pass, err := l.cfg.credentials(ctx)
	if err != nil {
		return l.setUpError("credentials", err)
	}
	l.setup = Setup{Peer: l.peer, TLS: l.cfg.TLS != nil, Proto: 2}
	if l.cfg.Protocol == 2 {
		return l.setUpRESP2(ctx, user, pass)
	}
	if l.cfg.OptIn != nil {
		l.setup.Asked = l.cfg.OptIn(ctx, Facts{Peer: l.peer, TLS: l.setup.TLS})
	}
	err = l.run(ctx, l.stepsRESP3(user, pass))
	if errors.Is(err, errNoHello) {
		l.setup = Setup{Peer: l.peer, TLS: l.setup.TLS, Proto: 2, Asked: l.setup.Asked}
		if l.cfg.Protocol == 3 {
			return l.setUpError("HELLO", ErrProtocol)
		}
		return l.setUpRESP2(ctx, user, pass)
	}
	if err != nil {
		return err
	}
	if err := l.optInLate(ctx); err != nil {
		return err
	}
	return l.report()
}

// optInLate asks for notifications where that depends on what HELLO has told.
func (l *link) optInLate(ctx context.Context) error {
	if l.cfg.OptIn == nil || l.setup.Asked != "" || l.setup.Proto != 3 {
		return nil
	}
	l.setup.Asked = l.cfg.OptIn(ctx, Facts{Peer: l.peer, TLS: l.setup.TLS, Greeted: true, Server: l.setup.Server})
	if l.setup.Asked == "" {
		return nil
	}
	var s steps
	l.optInStep(&s)
	return l.run(ctx, s)
}

func (l *link) setUpRESP2(ctx context.Context, user, pass string) error {
	if err := l.run(ctx, l.stepsRESP2(user, pass)); err != nil {
		return err
	}
	return l.report()
}

// report tells what was found to whoever decides whether that will do.
func (l *link) report() error {
	if l.setup.Proto < 3 {
		l.setup.Refused = ErrProtocol // pushes need RESP3, whatever the server answered to the opt-in
	}
	if l.cfg.OptedIn == nil {
		return nil
	}
	if err := l.cfg.OptedIn(l.setup); err != nil {
		return l.setUpError("CLIENT MAINT_NOTIFICATIONS", err)
	}
	return nil
}

func (l *link) stepsRESP3(user, pass string) (s steps) {
	hello := []string{"HELLO", "3"}
	if pass != "" {
		if user == "" {
			user = "default"
		}
		hello = append(hello, "AUTH", user, pass)
	}
	if l.cfg.ClientName != "" {
		hello = append(hello, "SETNAME", l.cfg.ClientName)
	}
	s.add("HELLO", l.hello, hello...)
	l.commonSteps(&s)
	if l.setup.Asked != "" {
		l.optInStep(&s)
	}
	return s
}

func (l *link) optInStep(s *steps) {
	s.add("CLIENT MAINT_NOTIFICATIONS", l.optIn, "CLIENT", "MAINT_NOTIFICATIONS", "ON", "moving-endpoint-type", l.setup.Asked)
}

func (l *link) stepsRESP2(user, pass string) (s steps) {
	switch {
	case pass == "":
	case user == "":
		s.add("AUTH", wantOK, "AUTH", pass)
	default:
		s.add("AUTH", wantOK, "AUTH", user, pass)
	}
	if l.cfg.ClientName != "" {
		s.add("CLIENT SETNAME", answered, "CLIENT", "SETNAME", l.cfg.ClientName)
	}
	l.commonSteps(&s)
	if len(s) == 0 {
		s.add("PING", wantOK, "PING")
	}
	return s
}

func (l *link) commonSteps(s *steps) {
	if l.cfg.LibName != "" && !l.cfg.noSetInfo.Load() {
		s.add("CLIENT SETINFO", l.setInfo, "CLIENT", "SETINFO", "LIB-NAME", l.cfg.LibName)
		s.add("CLIENT SETINFO", l.setInfo, "CLIENT", "SETINFO", "LIB-VER", l.cfg.LibVersion)
	}
	if l.cfg.DB != 0 {
		s.add("SELECT", wantOK, "SELECT", strconv.Itoa(l.cfg.DB))
	}
}

// run sends the steps in one write and looks at their replies in order.
func (l *link) run(ctx context.Context, steps steps) error {
	q := l.cfg.NewCall()
	defer q.Free()
	q.Mode, q.Replies = Raw, len(steps)
	for _, s := range steps {
		q.Req = resp3.AppendCommand(q.Req, s.args...)
	}
	begun := time.Now()
	err := errNext
	if lead, ok := l.submit(q); ok {
		err = l.await(ctx, q, lead)
	}
	l.setup.RTT = time.Since(begun)
	if err != nil {
		if err == errNext {
			err = l.failure()
		}
		if e, ok := errs.As[*Error](err); ok {
			err = e.Err
		}
		name := ""
		if len(steps) == 1 {
			name = steps[0].name
		}
		if said, refused := l.heed(steps, string(q.Rep)); refused != nil {
			return l.setUpError(said, fmt.Errorf("%w (%w)", refused, err))
		}
		return l.setUpError(name, err)
	}
	if name, err := l.heed(steps, string(q.Rep)); err != nil {
		return l.setUpError(name, err)
	}
	return nil
}

// heed looks at the replies that have come, until one ends the set-up, and names its step. There may be fewer than steps: a
// server that has no room for another client says so and closes.
func (l *link) heed(steps []step, replies string) (name string, err error) {
	for _, s := range steps {
		if replies == "" {
			break
		}
		v, n, err := resp3.Decode(replies)
		if err == nil {
			err = withoutArgs(s.reply(v), s.args)
		}
		if err != nil {
			return s.name, err
		}
		replies = replies[n:]
	}
	return "", nil
}

// withoutArgs drops the text of a server's error if it repeats one of the arguments, as that for an unknown command does: it may be the
// password. Servers repeat the beginning of a long one (redis-server: 128 bytes of all arguments together). Other texts are cut to a
// length that may be kept.
func withoutArgs(err error, args []string) error {
	e, ok := errs.As[*resp3.Error](err)
	if !ok {
		return err
	}
	for _, a := range args[1:] {
		if len(a) > 3 && strings.Contains(e.Message, a[:min(len(a), leastEcho)]) {
			return &resp3.Error{Code: e.Code, Message: "(text withheld, since it repeats an argument)"}
		}
	}
	if len(e.Message) > longestRefusal {
		return &resp3.Error{Code: e.Code, Message: e.Message[:longestRefusal] + "..."}
	}
	return err
}

const (
	leastEcho      = 8   // bytes of an argument that give it away
	longestRefusal = 512 // bytes of a server's error that are kept of a set-up
)

// setUpError names the step. Its arguments are not told, since one of them is the password.
//
//go:noinline
func (l *link) setUpError(name string, err error) error {
	op := "set up"
	if name != "" {
		op += " (" + name + ")"
	}
	return &Error{Op: op, Addr: l.peer, Err: err}
}

var errNoHello = errors.New("server does not know HELLO 3")

// hello reads what the server grants out of the reply, which is a map, or a flat array from a server that stays in RESP2, as Redis Enterprise's
// proxy has been seen to (redis/redis 14828).
func (l *link) hello(v resp3.Value) error {
	if e := v.Err(); e != nil {
		if r, ok := errs.As[*resp3.Error](e); ok && (r.Code == "NOPROTO" || r.Code == "ERR" && strings.Contains(strings.ToLower(r.Message), "unknown command")) {
			return errNoHello
		}
		return e
	}
	for k, v := range v.Pairs() {
		key, _ := k.Text()
		switch key {
		case "server":
			l.setup.Server, _ = v.Text()
		case "version":
			l.setup.Version, _ = v.Text()
		case "id":
			l.setup.ID, _ = v.Int()
		case "proto":
			if n, err := v.Int(); err == nil {
				l.setup.Proto = int(n)
			}
		}
	}
	if l.cfg.Protocol == 3 && l.setup.Proto != 3 {
		return ErrProtocol
	}
	return nil
}

func (l *link) setInfo(v resp3.Value) error {
	if v.Err() != nil {
		l.cfg.noSetInfo.Store(true)
	}
	return answered(v)
}

// optIn takes +OK for yes and any error for no. Anything else means that replies and commands are out of step.
func (l *link) optIn(v resp3.Value) error {
	if err := v.Err(); err != nil {
		l.setup.Refused = err
		return nil
	}
	return wantOK(v)
}

// answered takes an error for an answer, and anything but a status for a reply that belongs to something else.
func answered(v resp3.Value) error {
	if v.Err() != nil {
		return nil
	}
	return wantOK(v)
}

// wantOK takes any status for a yes.
func wantOK(v resp3.Value) error {
	if err := v.Err(); err != nil {
		return err
	}
	if v.Kind() == resp3.SimpleString {
		return nil
	}
	return &resp3.SyntaxError{What: "unexpected reply " + v.String()}
}

func (c *Config) credentials(ctx context.Context) (user, pass string, err error) {
	if c.Credentials == nil {
		return "", "", nil
	}
	return c.Credentials(ctx)
}
