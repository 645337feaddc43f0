package conn

import (
	"context"
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
// may stand between any two. The opt-in of an endpoint that nobody knows yet waits for the answer to HELLO. A server that refuses HELLO gets a second write in RESP2.
func (l *link) setUp(ctx context.Context) error {
	l.setup = Setup{Peer: l.peer, TLS: l.cfg.TLS != nil, Proto: 2, Began: time.Now()}
	user, pass, err := l.credentials(ctx)
	if err != nil {
		return l.setUpError("credentials", err)
	}
	if l.cfg.Protocol == 2 {
		return l.setUpWith(ctx, l.stepsRESP2(user, pass))
	}
	if l.cfg.OptIn != nil {
		l.setup.Asked = l.cfg.OptIn(ctx, Facts{Peer: l.peer, TLS: l.setup.TLS})
	}
	failed, err := l.run(ctx, l.stepsRESP3(user, pass))
	if failed == stepHello && mayDoWithout(err, pass != "") && l.err() == nil {
		return l.setUpWithoutHello(ctx, user, pass, err)
	}
	if err != nil {
		return l.setUpError(failed, err)
	}
	if err := l.optInLate(ctx); err != nil {
		return err
	}
	return l.report()
}

// setUpWith is a set-up, or the rest of one, in one write.
func (l *link) setUpWith(ctx context.Context, s steps) error {
	if failed, err := l.run(ctx, s); err != nil {
		return l.setUpError(failed, err)
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
	return l.optInAlone(ctx)
}

// optInAlone asks in a write of its own.
func (l *link) optInAlone(ctx context.Context) error {
	var s steps
	l.optInStep(&s)
	if failed, err := l.run(ctx, s); err != nil {
		return l.setUpError(failed, err)
	}
	return nil
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
		return l.setUpError(stepOptIn, err)
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
	s.add(stepHello, l.hello, hello...)
	if l.cfg.LibName != "" && !l.cfg.noSetInfo.Load() {
		s.add(stepSetInfo, l.setInfo, "CLIENT", "SETINFO", "LIB-NAME", l.cfg.LibName)
		s.add(stepSetInfo, l.setInfo, "CLIENT", "SETINFO", "LIB-VER", l.cfg.LibVersion)
	}
	l.selectStep(&s)
	if l.setup.Asked != "" {
		l.optInStep(&s)
	}
	return s
}

func (l *link) optInStep(s *steps) {
	s.add(stepOptIn, l.optIn, "CLIENT", "MAINT_NOTIFICATIONS", "ON", "moving-endpoint-type", l.setup.Asked)
}

// stepsRESP2 are the steps that any server or proxy knows, and what was asked for: the name of the client, a database. One of
// them must need the right to do something, so that a password that is missing is found here.
func (l *link) stepsRESP2(user, pass string) (s steps) {
	l.authStep(&s, user, pass)
	l.nameStep(&s)
	l.selectStep(&s)
	if pass == "" && l.cfg.DB == 0 {
		s.add("PING", wantOK, "PING")
	}
	return s
}

func (l *link) authStep(s *steps, user, pass string) {
	switch {
	case pass == "":
	case user == "":
		s.add("AUTH", wantOK, "AUTH", pass)
	default:
		s.add("AUTH", wantOK, "AUTH", user, pass)
	}
}

func (l *link) nameStep(s *steps) {
	if l.cfg.ClientName != "" {
		s.add("CLIENT SETNAME", answered, "CLIENT", "SETNAME", l.cfg.ClientName)
	}
}

func (l *link) selectStep(s *steps) {
	if l.cfg.DB != 0 {
		s.add("SELECT", wantOK, "SELECT", strconv.Itoa(l.cfg.DB))
	}
}

// run sends the steps in one write and looks at their replies in order. With an error it names the step that was refused, or
// the first that was not answered.
func (l *link) run(ctx context.Context, steps steps) (failed string, err error) {
	q := l.cfg.NewCall()
	defer q.Free()
	q.Mode, q.Replies = Raw, len(steps)
	for _, s := range steps {
		q.Req = resp3.AppendCommand(q.Req, s.args...)
	}
	begun := time.Now()
	err = l.do(ctx, q)
	l.setup.RTT = time.Since(begun)
	if err == errNext {
		err = l.err()
	}
	if e, ok := errs.As[*Error](err); ok {
		err = e.Err
	}
	at, refused := l.heed(steps, string(q.Rep))
	switch {
	case refused != nil && err != nil:
		if mayDoWithout(refused, true) {
			err = hinted(steps[at].name, err)
		}
		return steps[at].name, fmt.Errorf("%w (%w)", refused, err)
	case refused != nil:
		return steps[at].name, refused
	case err != nil:
		at = min(at, len(steps)-1)
		return steps[at].name, hinted(steps[at].name, err)
	}
	return "", nil
}

// heed looks at the replies that have come, until one ends the set-up, and returns the place of its step, else how many there
// were. There may be fewer than steps: a server that has no room for another client says so and closes.
func (l *link) heed(steps []step, replies string) (at int, err error) {
	for i, s := range steps {
		if replies == "" {
			return i, nil
		}
		v, n, err := resp3.Decode(replies)
		if err == nil {
			err = withoutArgs(s.reply(v), s.args)
		}
		if err != nil {
			return i, err
		}
		replies = replies[n:]
	}
	return len(steps), nil
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
		if len(a) > 3 && !isWord(a) && strings.Contains(e.Message, a[:min(len(a), leastEcho)]) {
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
