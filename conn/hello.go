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

// hello reads the answer to HELLO: a map, or a flat array from a server that stays in RESP2, as Redis Enterprise's
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

// helloAgain takes an error for RESP2, unless RESP3 is demanded.
func (l *link) helloAgain(v resp3.Value) error {
	switch err := v.Err(); {
	case err == nil:
		return l.hello(v)
	case l.cfg.Protocol == 3:
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return nil
}

// canFallBack reports whether the set-up goes on in RESP2 after err was the answer to HELLO. Servers refuse it in many
// words; only these errors would come again: of a password, a state of the server, and a server that is full.
func canFallBack(err error, password bool) bool {
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

// setUpWithoutHello goes on after HELLO was refused: in RESP2, with AUTH. If HELLO had options and may have been
// refused for them, HELLO alone stands behind AUTH, in the same write, and grants RESP3 after all or is refused again.
func (l *link) setUpWithoutHello(ctx context.Context, user, pass string, refused error) (failed string, err error) {
	old := l.setup
	l.setup = Setup{Peer: old.Peer, TLS: old.TLS, Proto: 2, Asked: old.Asked, Began: old.Began, Expires: old.Expires}
	e, _ := errs.As[*resp3.Error](refused)
	unknown := e.Code == "NOPROTO" || strings.Contains(strings.ToLower(e.Message), "unknown command")
	again := (pass != "" || l.cfg.ClientName != "") && !unknown
	if !again && l.cfg.Protocol == 3 {
		return stepHello, fmt.Errorf("%w: %w", ErrProtocol, refused)
	}
	if failed, err = l.run(ctx, l.stepsRESP2(user, pass, again)); err != nil {
		err = hinted(stepHello, err) // the server may have refused it and closed for it
		err = fmt.Errorf("%w, after HELLO was refused (%.100s)", err, refused.Error())
	}
	return failed, err
}

// hints say which options leave out a step that some proxies do not know, and close at.
var hints = map[string]string{
	stepHello:        "set Options.Protocol to 2, or DisableIdentity and Handoff.Mode to disabled if it knows HELLO",
	stepSetInfo:      "set Options.DisableIdentity",
	stepOptIn:        "set Options.Handoff.Mode to disabled",
	"CLIENT SETNAME": "leave Options.ClientName empty",
}

// hinted adds advice to the end of a connection if the step may be the reason for it.
func hinted(name string, err error) error {
	eof := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if !eof && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		return err
	}
	hint, ok := hints[name]
	if !ok {
		return err
	}
	return fmt.Errorf("%w (a proxy that closes at commands it does not know? %s)", err, hint)
}
