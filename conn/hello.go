package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/baton-go/baton/internal/errs"
	"github.com/baton-go/baton/resp3"
)

// Names of steps that something is known about.
const (
	stepHello   = "HELLO"
	stepSetInfo = "CLIENT SETINFO"
	stepOptIn   = "CLIENT MAINT_NOTIFICATIONS"
)

// credentials asks who is to be authenticated. When that expires is noted for the link.
func (l *link) credentials(ctx context.Context) (user, pass string, err error) {
	if l.cfg.Credentials == nil {
		return "", "", nil
	}
	user, pass, l.setup.Expires, err = l.cfg.Credentials(ctx)
	return user, pass, err
}

// hello reads what the server grants out of the reply, which is a map, or a flat array from a server that stays in RESP2, as Redis Enterprise's
// proxy has been seen to (redis/redis 14828).
func (l *link) hello(v resp3.Value) error {
	if err := v.Err(); err != nil {
		return err
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

// mayDoWithout reports whether the set-up goes on in RESP2 after err was the answer to HELLO. Servers and proxies refuse it in
// many words, and most of them are usable all the same. Not after these: a wrong password would be refused again; a state, or a
// server that is full, is for another attempt later; and without a password nothing is left to try against NOAUTH.
func mayDoWithout(err error, password bool) bool {
	e, ok := errs.As[*resp3.Error](err)
	if !ok {
		return false
	}
	switch e.Code {
	case "WRONGPASS", "LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "READONLY":
		return false
	case "NOAUTH":
		return password
	}
	text := strings.ToLower(e.Message)
	return !strings.Contains(text, "invalid password") && !strings.Contains(text, "max number of clients")
}

// knowsHello reports whether a refusal of HELLO may be about its options only.
func knowsHello(refusal error) bool {
	e, ok := errs.As[*resp3.Error](refusal)
	return ok && e.Code != "NOPROTO" && !strings.Contains(strings.ToLower(e.Message), "unknown command")
}

// setUpWithoutHello goes on after HELLO was refused: in RESP2, with AUTH. If it had options and may have been refused for them,
// HELLO alone stands behind AUTH, in the same write, and grants RESP3 after all or is refused again.
func (l *link) setUpWithoutHello(ctx context.Context, user, pass string, refusal error) error {
	l.setup = Setup{Peer: l.peer, TLS: l.setup.TLS, Proto: 2, Asked: l.setup.Asked, Began: l.setup.Began, Expires: l.setup.Expires}
	var s steps
	again := (pass != "" || l.cfg.ClientName != "") && knowsHello(refusal)
	switch {
	case again:
		l.authStep(&s, user, pass)
		s.add(stepHello, l.helloAgain, "HELLO", "3")
		l.nameStep(&s)
		l.selectStep(&s)
		if pass == "" {
			s.add("PING", wantOK, "PING")
		}
	case l.cfg.Protocol == 3:
		return l.setUpError(stepHello, fmt.Errorf("%w: %w", ErrProtocol, refusal))
	default:
		s = l.stepsRESP2(user, pass)
	}
	if failed, err := l.run(ctx, s); err != nil {
		err = hinted(stepHello, err) // it may have been refused and closed for
		return l.setUpError(failed, fmt.Errorf("%w, after HELLO was refused (%.100s)", err, refusal.Error()))
	}
	if l.setup.Proto == 3 && l.setup.Asked != "" {
		if err := l.optInAlone(ctx); err != nil {
			return err
		}
	} else if err := l.optInLate(ctx); err != nil {
		return err
	}
	return l.report()
}

// helloAgain takes a refusal for RESP2, unless RESP3 is demanded.
func (l *link) helloAgain(v resp3.Value) error {
	err := v.Err()
	switch {
	case err == nil:
		return l.hello(v)
	case l.cfg.Protocol == 3:
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return nil
}

// isWord reports whether an argument of the set-up is a word of the protocol, which tells nobody anything.
func isWord(arg string) bool {
	switch arg {
	case "AUTH", "SETNAME", "SETINFO", "LIB-NAME", "LIB-VER", "MAINT_NOTIFICATIONS", "moving-endpoint-type", "default":
		return true
	}
	return false
}

// hinted adds to the end of a connection what may help if the step was the reason for it: some proxies close at a command that
// they do not know.
func hinted(name string, err error) error {
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		return err
	}
	hint := ""
	switch name {
	case stepHello:
		hint = "set Options.Protocol to 2, or DisableIdentity and Handoff.Mode to disabled if it knows HELLO"
	case stepSetInfo:
		hint = "set Options.DisableIdentity"
	case stepOptIn:
		hint = "set Options.Handoff.Mode to disabled"
	case "CLIENT SETNAME":
		hint = "leave Options.ClientName empty"
	default:
		return err
	}
	return fmt.Errorf("%w (a proxy that closes at commands it does not know? %s)", err, hint)
}
