package baton_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/handoff"
	"github.com/baton-go/baton/handoff/handofftest"
	"github.com/baton-go/baton/internal/redistest"
	"github.com/baton-go/baton/internal/stall"
)

// timelines reads testdata/timelines. docs/testing.md tells how they are written.
func timelines(t *testing.T) []*handofftest.Script {
	files, err := filepath.Glob("testdata/timelines/*.txt")
	require.NoError(t, err)
	var scripts []*handofftest.Script
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		s, err := handofftest.ParseScript(filepath.Base(f), string(text))
		require.NoError(t, err)
		scripts = append(scripts, s)
	}
	return scripts
}

func TestTimelines(t *testing.T) {
	scripts := timelines(t)
	controls := 0
	for _, s := range scripts {
		t.Run(strings.TrimSuffix(s.Name, ".txt"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				require.NoError(t, handofftest.Player{Open: openTimeline, Settle: synctest.Wait}.Play(t.Context(), s))
			})
		})
		if !s.HasControl() {
			continue
		}
		controls++
		t.Run(strings.TrimSuffix(s.Name, ".txt")+"/off", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				require.NoError(t, handofftest.Player{Open: openTimeline, Settle: synctest.Wait, Off: true}.Play(t.Context(), s))
			})
		})
	}
	assert.GreaterOrEqual(t, len(scripts), 60)
	assert.GreaterOrEqual(t, controls, 30)
}

// TestTimelinesOnRealSockets plays those that say "real: yes" in front of a redis-server, five times as fast as they were
// recorded, several at a time. Expectations are waited for, so that a slow machine takes longer and does not fail. The
// order of events is left to clocks, which go on while a machine stands still: then a play that failed is played again.
func TestTimelinesOnRealSockets(t *testing.T) {
	const (
		atOnce  = 8
		most    = 5                      // performances of a script
		shortly = 200 * time.Millisecond // a second of a script
	)
	before := runtime.NumGoroutine()
	t.Run("play", func(t *testing.T) {
		backend := redistest.Start(t)
		type outcome struct {
			name string
			err  error
		}
		outcomes := make(chan outcome)
		slots := make(chan struct{}, atOnce)
		plays, scripts := 0, 0
		play := func(s *handofftest.Script, off bool) {
			plays++
			p := handofftest.Player{Open: openTimeline, Off: off, Backend: backend, Scale: 0.2, ReplyTimeout: time.Minute}
			go func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				o := outcome{name: fmt.Sprintf("%s/off=%v", s.Name, off)}
				meter := stall.Start()
				defer meter.Stop()
				for try := 1; ; try++ {
					meter.Lap()
					o.err = p.Play(t.Context(), s)
					if o.err == nil || !meter.Lap().Excuses(shortly) || try == most {
						break
					}
					t.Logf("%s: played again, since this machine stalled: %v", o.name, o.err)
				}
				outcomes <- o
			}()
		}
		for _, s := range timelines(t) {
			if !s.Real {
				continue
			}
			scripts++
			play(s, false)
			if s.HasControl() {
				play(s, true)
			}
		}
		for range plays {
			o := <-outcomes
			assert.NoError(t, o.err, o.name)
		}
		assert.GreaterOrEqual(t, scripts, 12)
		assert.Greater(t, plays, scripts, "controls")
	})
	for runtime.NumGoroutine() > before { // else the test runs into its time limit, which shows who is left
		runtime.Gosched()
	}
}

// openTimeline makes the client of a script from its settings.
func openTimeline(st *handofftest.Stage) (*handofftest.Client, error) {
	o := baton.Options{Addr: st.Addr, Password: st.Password, TLS: st.TLS, Dialer: st.DialContext, Resolver: st}
	o.Handoff.Jitter, o.Pool.Lanes = -1, 1 // so that a script can count; those about jitter or lanes set them
	o.Retry.For = -1                       // it would bridge what maintenance has to do by itself
	log := &logCounter{}
	o.Logger = slog.New(slog.NewTextHandler(log, nil))
	for key, value := range st.Settings {
		set, ok := timelineSettings[key]
		if !ok {
			return nil, fmt.Errorf("unknown client setting %s", key)
		}
		if err := set(st, &o, value); err != nil {
			return nil, fmt.Errorf("client setting %s=%s: %w", key, value, err)
		}
	}
	if st.Off {
		o.Handoff.Mode = handoff.ModeDisabled
	}
	c, err := baton.New(o)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	_ = c.Ready(context.Background()) // some scripts begin with a server that is not
	return &handofftest.Client{
		Do:     func(ctx context.Context, args ...string) (string, error) { return doText(ctx, c, args) },
		Peers:  func() map[string]int { return peers(c) },
		Events: func() []string { return timelineEvents(c, begun) },
		Facts:  func() map[string]string { return timelineFacts(c, log) },
		Close:  c.Close,
	}, nil
}

func doText(ctx context.Context, c *baton.Client, args []string) (string, error) {
	list := make([]any, len(args))
	for i, a := range args {
		list[i] = a
	}
	v, err := c.Do(ctx, list...)
	if err != nil || v.IsNull() {
		return "", err
	}
	if v.Len() > 0 {
		return v.String(), nil
	}
	return v.Text()
}

func timelineEvents(c *baton.Client, begun time.Time) (lines []string) {
	for e := range c.Handoffs().Timeline().All() {
		lines = append(lines, fmt.Sprintf("%v conn %d %v", e.Time.Sub(begun), e.Conn, e))
	}
	return lines
}

func timelineFacts(c *baton.Client, log *logCounter) map[string]string {
	h, p := c.Handoffs().Stats(), c.Stats()
	facts := map[string]string{
		"relaxed":    baton.RelaxedTimeout(c).String(),
		"phase":      c.Handoffs().Phase().String(),
		"capability": h.Capability.String(),
		"log":        strconv.Itoa(log.lines()),
	}
	for name, n := range map[string]int64{
		"duplicates": h.Duplicates, "replays": h.Replays, "malformed": h.Malformed, "barred": h.Refused, "moves": h.Started,
		"moved": h.Succeeded, "move-failures": h.Failed, "kept": h.Kept, "abandoned": h.Abandoned, "breakers": h.Breakers,
		"refusals": h.Refusals, "jobs": int64(h.Jobs), "windows": int64(h.Windows), "conns": int64(p.Open),
		"leased": int64(p.Leased), "lost": int64(p.Lost), "pool-dials": int64(p.Dials), "dial-errors": int64(p.DialErrors),
	} {
		facts[name] = strconv.FormatInt(n, 10)
	}
	for k := handoff.Moving; k <= handoff.SMigrated; k++ {
		facts["received-"+k.String()] = strconv.FormatInt(h.Received[k], 10)
	}
	return facts
}

// logCounter counts records.
type logCounter struct {
	mu sync.Mutex
	n  int
}

func (l *logCounter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n += bytes.Count(p, []byte("\n"))
	return len(p), nil
}

func (l *logCounter) lines() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

type timelineSetting func(st *handofftest.Stage, o *baton.Options, value string) error

// timelineSettings are the words of "client:".
var timelineSettings = map[string]timelineSetting{
	"idle":           intSetting(func(o *baton.Options) *int { return &o.Pool.MinIdle }),
	"size":           intSetting(func(o *baton.Options) *int { return &o.Pool.Size }),
	"lanes":          intSetting(func(o *baton.Options) *int { return &o.Pool.Lanes }),
	"maxactive":      intSetting(func(o *baton.Options) *int { return &o.Pool.MaxActive }),
	"workers":        intSetting(func(o *baton.Options) *int { return &o.Handoff.MaxWorkers }),
	"queue":          intSetting(func(o *baton.Options) *int { return &o.Handoff.HandoffQueueSize }),
	"tries":          intSetting(func(o *baton.Options) *int { return &o.Handoff.MaxHandoffRetries }),
	"breaker":        intSetting(func(o *baton.Options) *int { return &o.Handoff.CircuitBreakerFailureThreshold }),
	"breaker-probes": intSetting(func(o *baton.Options) *int { return &o.Handoff.CircuitBreakerMaxRequests }),
	"retries":        intSetting(func(o *baton.Options) *int { return &o.Retry.Max }),
	"protocol":       intSetting(func(o *baton.Options) *int { return &o.Protocol }),
	"breaker-reset":  durationSetting(func(o *baton.Options) *time.Duration { return &o.Handoff.CircuitBreakerResetTimeout }),
	"read":           durationSetting(func(o *baton.Options) *time.Duration { return &o.ReadTimeout }),
	"dial":           durationSetting(func(o *baton.Options) *time.Duration { return &o.DialTimeout }),
	"wait":           durationSetting(func(o *baton.Options) *time.Duration { return &o.Pool.WaitTimeout }),
	"relaxed":        durationSetting(func(o *baton.Options) *time.Duration { return &o.Handoff.RelaxedTimeout }),
	"post":           durationSetting(func(o *baton.Options) *time.Duration { return &o.Handoff.PostHandoffRelaxedDuration }),
	"tail":           durationSetting(func(o *baton.Options) *time.Duration { return &o.Handoff.RelaxedTail }),
	"cap":            durationSetting(func(o *baton.Options) *time.Duration { return &o.Handoff.RelaxedCap }),
	"handoff":        durationSetting(func(o *baton.Options) *time.Duration { return &o.Handoff.HandoffTimeout }),
	"jitter":         durationSetting(func(o *baton.Options) *time.Duration { return &o.Handoff.Jitter }),
	"reprobe":        durationSetting(func(o *baton.Options) *time.Duration { return &o.Handoff.Reprobe }),
	"mode": func(_ *handofftest.Stage, o *baton.Options, value string) error {
		return choose(&o.Handoff.Mode, value, handoff.ModeAuto, handoff.ModeEnabled, handoff.ModeDisabled)
	},
	"endpoint": func(_ *handofftest.Stage, o *baton.Options, value string) error {
		return choose(&o.Handoff.EndpointType, value, handoff.EndpointTypeAuto, handoff.EndpointTypeInternalIP, handoff.EndpointTypeInternalFQDN,
			handoff.EndpointTypeExternalIP, handoff.EndpointTypeExternalFQDN, handoff.EndpointTypeNone)
	},
	"dryrun": func(_ *handofftest.Stage, o *baton.Options, value string) error {
		o.Handoff.DryRun = value == "yes"
		return nil
	},
	"upto": func(_ *handofftest.Stage, o *baton.Options, value string) error {
		if value != "accumulate" {
			return errors.New("must be accumulate")
		}
		o.Retry.UpTo = baton.WriteAccumulate
		return nil
	},
	"allow": func(_ *handofftest.Stage, o *baton.Options, value string) error { // hosts, separated by commas; "none"
		hosts := strings.Split(value, ",")
		o.Handoff.AllowEndpoint = func(host string) bool { return slices.Contains(hosts, host) }
		return nil
	},
}

func choose[T fmt.Stringer](to *T, value string, of ...T) error {
	for _, v := range of {
		if v.String() == value {
			*to = v
			return nil
		}
	}
	return fmt.Errorf("must be one of %v", of)
}

func intSetting(field func(o *baton.Options) *int) timelineSetting {
	return func(_ *handofftest.Stage, o *baton.Options, value string) (err error) {
		*field(o), err = strconv.Atoi(value)
		return err
	}
}

// durationSetting takes a duration, which is scaled, or "none".
func durationSetting(field func(o *baton.Options) *time.Duration) timelineSetting {
	return func(st *handofftest.Stage, o *baton.Options, value string) error {
		if value == "none" {
			*field(o) = -1
			return nil
		}
		d, err := time.ParseDuration(value)
		*field(o) = time.Duration(float64(d) * st.Scale)
		return err
	}
}

// TestATimelineCanFail plays scripts that are wrong against the same client: a player that cannot fail proves nothing.
func TestATimelineCanFail(t *testing.T) {
	const head = "source: nowhere\nabout:  wrong on purpose\nclient: idle=2\n\n"
	for _, tt := range []struct {
		name, steps string
		off         bool
		want        []string
	}{
		{"a target that is never reached", "at 0s refuse B\nat 1s MOVING A 15 B\nby 9s expect on B = 3\n", false,
			[]string{`wrong.txt:7: by 9s expect on B = 3: it is "0"`, "about: wrong on purpose", "move failed MOVING seq 0", "connection refused"}},
		{"commands that are cut", "at 0s load 4 20ms\nat 1s delay A 1s\nat 2.01s kill A\nat 3s expect failed = 0\n", false,
			[]string{"wrong.txt:8: at 3s expect failed = 0: it is", "a command of the load failed"}},
		{"relaxing that has an end", "at 1s FAILING_OVER 2\nuntil 2m expect relaxed = 10s\n", false,
			[]string{`wrong.txt:6: until 2m expect relaxed = 10s: it is "0s" after 1m3s`}},
		{"a counter that is something else", "at 1s push A \">1\\r\\n$9\\r\\nSMIGRATED\\r\\n\"\nat 2s expect malformed = 0\n", false,
			[]string{`wrong.txt:6: at 2s expect malformed = 0: it is "3"`}},
		{"a counter nobody has", "at 2s expect happiness = 0\n", false, []string{`wrong.txt:5: at 2s expect happiness = 0: neither player nor client know "happiness"`}},
		{"a setting nobody has", "at 2s expect failed = 0\n", false, nil},
		{"a control that holds with the feature only", "at 1s MOVING A 15 B\nat 2s expect on B = 3\nat 2s off on B = 3\n", true,
			[]string{`wrong.txt:7: at 2s off on B = 3: it is "0"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := head + tt.steps
			if tt.want == nil {
				text, tt.want = strings.Replace(text, "idle=2", "speed=2", 1), []string{"wrong.txt: open the client: unknown client setting speed"}
			}
			s, err := handofftest.ParseScript("wrong.txt", text)
			require.NoError(t, err)
			synctest.Test(t, func(t *testing.T) {
				err := handofftest.Player{Open: openTimeline, Settle: synctest.Wait, Off: tt.off}.Play(t.Context(), s)
				for _, want := range tt.want {
					assert.ErrorContains(t, err, want)
				}
			})
		})
	}
}
