package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	baton "github.com/baton-go/baton"
)

// plan is what the command line asks for.
type plan struct {
	backend string // host:port of a real server, "" for the embedded one
	login   login
	off     bool
	null    bool
	verbose bool
	asJSON  bool
	workers int
	idle    int
	rate    int // calls per second of all workers together, 0: as fast as possible
	moves   int
	grace   time.Duration // whole seconds
	unmoved int           // windows without a move before the first, each as long as the grace
	before  time.Duration // unmoved of them if there are any
	after   time.Duration
}

// login is what a connection to the real server has to present.
type login struct {
	username, password string
	db                 int
}

const usageText = `Usage: go run ./cmd/rehearse [flags]

Rehearses a maintenance window. Workers use one client while the endpoint they are
connected to announces that it moves (MOVING), gives them the grace, and then closes every
connection and refuses new ones. The verdict is PASS if no command failed, no increment was
lost or doubled, no reply was crossed, and every connection was gone before the deadline.

The client dials ` + logicalAddr + `, an address that exists in its dialer only and leads to the
endpoint of the day, as a virtual address or a DNS record does. It follows a move one
second after the old endpoint has closed (real DNS was seen up to 3 s late): who did not
heed the announcement finds nobody there. In its last 50 ms the old endpoint holds its
replies back. With -null the server names no target; then the client has to reconnect to
that address at half of the grace, and it leads to the new endpoint from the announcement on.

Latency counts from the time a call was due if its worker was still busy with the one before.
The ratio of p99.9 during the window to before is information, not part of the verdict:
p99.9 differs from one second to the next. With -quiet 10 -moves 10 ten windows with a move are
compared with ten of the same length without; then it is, and the median may at most double.

A machine that lets this process wait for more than a tenth of the grace, or for a quarter of
the time in pieces, proves nothing with a failure: then the rehearsal is repeated, five times
in all at most, and the last verdict stands.

Exit status: 0 pass, 1 fail, 2 the rehearsal could not run or proved nothing. With -off it is
0 if errors appeared, as they must without the feature, and 1 if none did.

`

// parseFlags reads the command line. It returns flag.ErrHelp after it has written the help to w.
func parseFlags(args []string, w io.Writer) (plan, error) {
	var p plan
	var redis string
	fs := flag.NewFlagSet("rehearse", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&redis, "redis", "", "rehearse in front of a real server: `host:port` or redis://user:password@host:port/db;\n"+
		"keys have a random prefix and are deleted at the end")
	fs.BoolVar(&p.off, "off", false, "negative control: the feature is off in the client, errors must appear")
	fs.BoolVar(&p.null, "null", false, "MOVING names no target")
	fs.IntVar(&p.moves, "moves", 1, "moves in a chain, each to a new endpoint")
	fs.DurationVar(&p.grace, "grace", 4*time.Second, "time between MOVING and the close, whole seconds")
	fs.DurationVar(&p.before, "before", 1500*time.Millisecond, "load before the announcement")
	fs.IntVar(&p.unmoved, "quiet", 0, "`windows` without a move that are measured before the first move, each as long as the grace; instead of -before")
	fs.IntVar(&p.idle, "idle", 4, "connections of the client that nobody uses")
	fs.DurationVar(&p.after, "after", 2500*time.Millisecond, "load after the last close")
	fs.IntVar(&p.workers, "workers", 32, "goroutines that send commands")
	fs.IntVar(&p.rate, "rate", 5000, "calls per second of all workers together, 0 for as many as possible")
	fs.BoolVar(&p.verbose, "v", false, "print the client's timeline of the handoff")
	fs.BoolVar(&p.asJSON, "json", false, "verdict as JSON on standard output, progress on standard error")
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(w, usageText, "Flags:\n")
		fs.SetOutput(w)
		fs.PrintDefaults()
		return p, err
	}
	if err != nil {
		return p, err
	}
	if fs.NArg() > 0 {
		return p, fmt.Errorf("argument %q: flags are all that is taken", fs.Arg(0))
	}
	if err := errors.Join(p.setBackend(redis), p.validate()); err != nil {
		return p, err
	}
	if p.unmoved > 0 {
		p.before = time.Duration(p.unmoved) * p.grace
	}
	return p, nil
}

// Limits of the flags.
const (
	maxWorkers = 4096
	maxRate    = 1_000_000
	maxMoves   = 50
	maxIdle    = 1000
	minPhase   = 100 * time.Millisecond
	maxPhase   = 10 * time.Minute
	minGrace   = time.Second
)

func (p plan) validate() error {
	var errs []error
	number := func(name string, v, least, most int) {
		if v < least || v > most {
			errs = append(errs, fmt.Errorf("-%s is %d, limits %d to %d", name, v, least, most))
		}
	}
	duration := func(name string, v, least time.Duration) {
		if v < least || v > maxPhase {
			errs = append(errs, fmt.Errorf("-%s is %v, limits %v to %v", name, v, least, maxPhase))
		}
	}
	number("workers", p.workers, 1, maxWorkers)
	number("rate", p.rate, 0, maxRate)
	number("moves", p.moves, 1, maxMoves)
	number("idle", p.idle, 0, maxIdle)
	number("quiet", p.unmoved, 0, maxMoves)
	duration("before", p.before, minPhase)
	duration("after", p.after, minPhase)
	duration("grace", p.grace, minGrace)
	if p.grace%time.Second != 0 {
		errs = append(errs, fmt.Errorf("-grace is %v, must be whole seconds, since MOVING carries no others", p.grace))
	}
	return errors.Join(errs...)
}

// setBackend reads the value of -redis. Its errors never show a password.
func (p *plan) setBackend(value string) error {
	if value == "" {
		return nil
	}
	if !strings.Contains(value, "://") {
		value = "redis://" + value
	}
	if strings.Contains(value, "?") {
		return errors.New("-redis: settings after ? are not used here, leave them out")
	}
	o, err := baton.ParseURL(value)
	if err != nil {
		return fmt.Errorf("-redis: %w", err)
	}
	if o.Network == "unix" || o.TLS != nil {
		return errors.New("-redis: must be host:port or redis://..., plaintext TCP, since the rehearsal stands in between")
	}
	p.backend = o.Addr
	p.login = login{username: o.Username, password: o.Password, db: o.DB}
	return nil
}

// length is how long the load runs, about.
func (p plan) length() time.Duration {
	return warmUp + p.before + time.Duration(p.moves)*p.grace + time.Duration(p.moves-1)*nameLag + p.after
}
