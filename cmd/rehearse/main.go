// Command rehearse plays a maintenance window against a client under load and ends with a verdict.
//
//	go run ./cmd/rehearse               # embedded server
//	go run ./cmd/rehearse -off          # negative control: the feature is off, errors must appear
//	go run ./cmd/rehearse -redis :6379  # the same in front of a real server
//
// See -h for the rest.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() { // ends with the process: a second interrupt must end it at once
		<-ctx.Done()
		stop()
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program. It returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	p, err := parseFlags(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return exitPass
	}
	if err != nil {
		fmt.Fprintf(stderr, "rehearse: %v\nrun it with -h for help\n", err)
		return exitNothing
	}
	progress := stdout
	if p.asJSON {
		progress = stderr
	}
	say := log.New(progress, "", 0)
	o, v, err := settle(say, func() (*outcome, error) { return rehearse(ctx, p, say) })
	switch {
	case err != nil && ctx.Err() != nil:
		fmt.Fprintf(stderr, "rehearse: interrupted, no verdict: %v\n", err)
		return exitNothing
	case err != nil:
		fmt.Fprintf(stderr, "rehearse: could not run: %v\n", err)
		return exitNothing
	}
	write := writeText
	if p.asJSON {
		write = writeJSON
	}
	if err := write(stdout, o, v, p.verbose); err != nil {
		fmt.Fprintf(stderr, "rehearse: write the verdict: %v\n", err)
		return exitNothing
	}
	return v.Exit
}

// most is how many rehearsals there are at most.
const most = 5

// settle has a rehearsal repeated that ends without a pass on a machine that stalled: then its verdict says nothing about
// the client. After the last one the verdict stands, as it does at once if the machine was well.
func settle(say *log.Logger, rehearsal func() (*outcome, error)) (*outcome, verdict, error) {
	for try := 1; ; try++ {
		o, err := rehearsal()
		if err != nil {
			return nil, verdict{}, err
		}
		o.Tries = try
		v := judge(o)
		if v.Pass || !o.stalled || try == most {
			return o, v, nil
		}
		say.Printf("-- this machine stalled, so this tells nothing: %s (%s). Rehearsal %d of at most %d",
			v.Text, strings.Join(v.Reasons, "; "), try+1, most)
	}
}
