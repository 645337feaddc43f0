package conn

import (
	"context"
	"fmt"
	"slices"
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

// Names of steps that something is known about.
const (
	stepHello   = "HELLO"
	stepSetInfo = "CLIENT SETINFO"
	stepOptIn   = "CLIENT MAINT_NOTIFICATIONS"
)

// steps are those of one write.
type steps []step

//go:noinline
func (s *steps) add(name string, reply func(v resp3.Value) error, args ...string) {
	*s = append(*s, step{name, args, reply})
}

// setUp makes a fresh link usable. With an error it names the step that failed. All commands go out in one write and
// their replies are consumed strictly in order; pushes may stand between any two. A server that refuses HELLO gets a
// second write in RESP2.
func (l *link) setUp(ctx context.Context) (failed string, err error) {
	l.setup = Setup{Peer: l.peer, TLS: l.cfg.TLS != nil, Proto: 2, Began: time.Now()}
	var user, pass string
	if l.cfg.Credentials != nil {
		if user, pass, l.setup.Expires, err = l.cfg.Credentials(ctx); err != nil {
			return "credentials", err
		}
	}
	if l.cfg.Protocol == 2 {
		failed, err = l.run(ctx, l.stepsRESP2(user, pass, false))
	} else {
		failed, err = l.setUpRESP3(ctx, user, pass)
	}
	if err != nil {
		return failed, err
	}
	if l.setup.Proto < 3 {
		l.setup.Refused = ErrProtocol // pushes need RESP3, whatever the server answered to the opt-in
	}
	if l.cfg.OptedIn != nil {
		err = l.cfg.OptedIn(l.setup)
	}
	return stepOptIn, err
}

// setUpRESP3 asks for notifications in the same write if it may, else in one of its own when HELLO has been answered.
func (l *link) setUpRESP3(ctx context.Context, user, pass string) (failed string, err error) {
	facts := Facts{Peer: l.peer, TLS: l.setup.TLS}
	if l.cfg.OptIn != nil {
		l.setup.Asked = l.cfg.OptIn(ctx, facts)
	}
	asked := l.setup.Asked != ""
	failed, err = l.run(ctx, l.stepsRESP3(user, pass))
	if failed == stepHello && canFallBack(err, pass != "") && l.err() == nil {
		asked = false
		failed, err = l.setUpWithoutHello(ctx, user, pass, err)
	}
	if err != nil || asked || l.cfg.OptIn == nil || l.setup.Proto != 3 {
		return failed, err
	}
	if l.setup.Asked == "" {
		facts.Greeted, facts.Server = true, l.setup.Server
		l.setup.Asked = l.cfg.OptIn(ctx, facts)
	}
	if l.setup.Asked == "" {
		return "", nil
	}
	var s steps
	l.optInStep(&s)
	return l.run(ctx, s)
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
	if l.cfg.DB != 0 {
		s.add("SELECT", wantOK, "SELECT", strconv.Itoa(l.cfg.DB))
	}
	if l.setup.Asked != "" {
		l.optInStep(&s)
	}
	return s
}

// stepsRESP2 are the steps that any server or proxy knows: AUTH, the name of the client, a database. One of them must
// need a permission, so that a missing password is found here. With hello, HELLO alone stands behind AUTH.
func (l *link) stepsRESP2(user, pass string, hello bool) (s steps) {
	switch {
	case pass == "":
	case user == "":
		s.add("AUTH", wantOK, "AUTH", pass)
	default:
		s.add("AUTH", wantOK, "AUTH", user, pass)
	}
	if hello {
		s.add(stepHello, l.helloAgain, "HELLO", "3")
	}
	if l.cfg.ClientName != "" {
		s.add("CLIENT SETNAME", ignoreError, "CLIENT", "SETNAME", l.cfg.ClientName)
	}
	if l.cfg.DB != 0 {
		s.add("SELECT", wantOK, "SELECT", strconv.Itoa(l.cfg.DB))
	}
	if pass == "" && (hello || l.cfg.DB == 0) {
		s.add("PING", wantOK, "PING")
	}
	return s
}

// optInStep takes +OK for yes and any error for no. Any other reply means that replies and commands are out of step.
func (l *link) optInStep(s *steps) {
	s.add(stepOptIn, func(v resp3.Value) error {
		l.setup.Refused = v.Err()
		return ignoreError(v)
	}, "CLIENT", "MAINT_NOTIFICATIONS", "ON", "moving-endpoint-type", l.setup.Asked)
}

// run sends the steps in one write and checks their replies in order. With an error it names the step that was refused,
// or the first that was not answered.
func (l *link) run(ctx context.Context, steps steps) (failed string, err error) {
	q := l.cfg.NewCall()
	defer q.Free()
	q.Mode, q.Replies = Raw, len(steps)
	for _, s := range steps {
		q.Req = resp3.AppendCommand(q.Req, s.args...)
	}
	start := time.Now()
	if err = l.do(ctx, q); err == errNext {
		err = l.err()
	}
	l.setup.RTT = time.Since(start)
	if e, ok := errs.As[*Error](err); ok {
		err = e.Err
	}
	at, refused := checkReplies(steps, string(q.Rep))
	switch {
	case refused != nil && err != nil:
		if canFallBack(refused, true) {
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

// checkReplies checks the replies that have come, until one ends the set-up, and returns the place of its step, else
// how many there were. There may be fewer than steps: a server that has no room for another client says so and closes.
func checkReplies(steps []step, replies string) (at int, err error) {
	for i, s := range steps {
		if replies == "" {
			return i, nil
		}
		v, n, err := resp3.Decode(replies)
		if err == nil {
			err = redact(s.reply(v), s.args)
		}
		if err != nil {
			return i, err
		}
		replies = replies[n:]
	}
	return len(steps), nil
}

const (
	minEcho       = 8   // bytes of an argument that give it away
	maxServerText = 512 // bytes of a server's error that are kept
)

// publicArgs are arguments of the set-up that an error may repeat.
var publicArgs = []string{
	"AUTH", "SETNAME", "SETINFO", "LIB-NAME", "LIB-VER", "MAINT_NOTIFICATIONS", "moving-endpoint-type", "default",
}

// redact drops the text of a server's error if it repeats one of the arguments, as that for an unknown command does: it
// may be the password. Servers repeat the beginning of a long one (redis-server: 128 bytes of all arguments together).
func redact(err error, args []string) error {
	e, ok := errs.As[*resp3.Error](err)
	if !ok {
		return err
	}
	for _, a := range args[1:] {
		if len(a) > 3 && !slices.Contains(publicArgs, a) && strings.Contains(e.Message, a[:min(len(a), minEcho)]) {
			return &resp3.Error{Code: e.Code, Message: "(text withheld, since it repeats an argument)"}
		}
	}
	if len(e.Message) > maxServerText {
		return &resp3.Error{Code: e.Code, Message: e.Message[:maxServerText] + "..."}
	}
	return err
}

func (l *link) setInfo(v resp3.Value) error {
	if v.Err() != nil {
		l.cfg.noSetInfo.Store(true)
	}
	return ignoreError(v)
}

// ignoreError accepts an error or a status. Any other reply belongs to another command.
func ignoreError(v resp3.Value) error {
	if v.Err() != nil {
		return nil
	}
	return wantOK(v)
}

// wantOK accepts any status.
func wantOK(v resp3.Value) error {
	if err := v.Err(); err != nil {
		return err
	}
	if v.Kind() == resp3.SimpleString {
		return nil
	}
	return &resp3.SyntaxError{Reason: "unexpected reply " + v.String()}
}
