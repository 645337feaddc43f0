package handofftest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/baton-go/baton/handoff/handofftest"
)

const goodHead = "source: here\nabout: this\n"

func TestScriptIsRead(t *testing.T) {
	s, err := handofftest.ParseScript("x.txt", `
# a comment
source: capture, with "quotes and # signs
about:  two words   and more
real:   yes
client: idle=4 mode=auto
client: addr=name
server: tls=yes dialect=no-seq,null-text:(nil) maintenance=off catchup=17ms
nodes:  A B=10.0.0.7:12000 C=[::1]:1

at 0s    MOVING A 15 null   # a comment
at 1ms   push-one B ">1\r\n#\r\n"
at 1h    dns
by 1h1s  expect event "with # and blanks" >= 2
by 2h    off failed > 0
`)
	require.NoError(t, err)
	assert.Equal(t, "x.txt", s.Name)
	assert.Equal(t, `capture, with "quotes and # signs`, s.Source)
	assert.Equal(t, "two words   and more", s.About)
	assert.Equal(t, map[string]string{"idle": "4", "mode": "auto", "addr": "name"}, s.Client)
	assert.True(t, s.Real)
	assert.True(t, s.HasControl())

	s, err = handofftest.ParseScript("x.txt", goodHead+"at 1s expect open A = 0\n")
	require.NoError(t, err)
	assert.False(t, s.Real)
	assert.False(t, s.HasControl())
}

func TestBadScriptsAreReportedWithFileAndLine(t *testing.T) {
	const step = "at 9s expect open A = 0\n"
	for _, tt := range []struct{ text, want string }{
		{"about: x\n" + step, "s.txt: no source:"},
		{"source: x\n" + step, "s.txt: no about:"},
		{goodHead, "s.txt: nothing is expected"},
		{goodHead + "at 1s off open A = 0\n", "s.txt: nothing is expected"},
		{goodHead + "sauce: x\n" + step, "s.txt:3: unknown header sauce:"},
		{goodHead + "real: no\n" + step, "s.txt:3: real: may only be yes"},
		{goodHead + "client: idle\n" + step, `s.txt:3: "idle" must be key=value`},
		{goodHead + "client: idle=1 idle=2\n" + step, "s.txt:3: idle is set twice"},
		{goodHead + "server: color=red\n" + step, "s.txt:3: unknown server setting color"},
		{goodHead + "server: tls=no\n" + step, `s.txt:3: tls: is "no", may only be yes`},
		{goodHead + "server: maintenance=maybe\n" + step, "must be on, off or unknown"},
		{goodHead + "server: dialect=frisian\n" + step, `s.txt:3: dialect: has no variation "frisian"`},
		{goodHead + "server: catchup=17\n" + step, "s.txt:3: catchup:"},
		{goodHead + "nodes: A A\n" + step, `s.txt:3: node "A" must have a name of its own`},
		{goodHead + "nodes: A=there\n" + step, `"there" must be ip:port`},
		{goodHead + step + "nodes: A\n", "s.txt:4: nodes: must stand before the first step"},
		{goodHead + "MOVING A 15 B\n", "s.txt:3: a step is: at|by|until TIME VERB"},
		{goodHead + "at noon shut A\n", `s.txt:3: time is "noon"`},
		{goodHead + "at -1s shut A\n", `s.txt:3: time is "-1s"`},
		{goodHead + "at 10s shut A\n" + step, "s.txt:4: 9s is before the step above, at 10s"},
		{goodHead + "at 1s explode A\n" + step, "s.txt:3: unknown verb explode"},
		{goodHead + "by 1s shut A\n" + step, "s.txt:3: shut goes with at, not by"},
		{goodHead + "at 1s shut\n" + step, "s.txt:3: shut needs: node"},
		{goodHead + "at 1s shut A B\n" + step, "s.txt:3: shut needs: node"},
		{goodHead + "at 1s shut C\n" + step, `s.txt:3: shut: node is "C": no such node`},
		{goodHead + "at 1s MOVING A soon B\n" + step, `s.txt:3: MOVING: seconds is "soon"`},
		{goodHead + "at 1s delay A 5\n" + step, `s.txt:3: delay: duration is "5"`},
		{goodHead + "at 1s stall A maybe\n" + step, `s.txt:3: stall: on|off is "maybe": must be one of on|off`},
		{goodHead + "at 1s dns A Z\n" + step, `s.txt:3: dns: node is "Z"`},
		{goodHead + "at 1s push A \"x\n" + step, "s.txt:3: bad quotes"},
		{goodHead + "at 1s expect open A\n", "s.txt:3: an expectation is: QUANTITY [OF] =|!="},
		{goodHead + "at 1s expect open = 0\n", "s.txt:3: open takes the name of a node"},
		{goodHead + "at 1s expect failed A = 0\n", "s.txt:3: failed takes no argument"},
		{goodHead + "at 1s expect riches A = 0\n", "s.txt:3: riches takes no argument"},
		{goodHead + "at 1s expect open C = 0\n", `s.txt:3: node is "C": no such node`},
		{goodHead + "at 1s expect call x = 1\n", `s.txt:3: no call above has the name "x"`},
		{goodHead + "real: yes\nuntil 1s expect failed = 0\n", "s.txt:4: until asserts when something happens"},
	} {
		_, err := handofftest.ParseScript("s.txt", tt.text)
		assert.ErrorContains(t, err, tt.want, "%q", tt.text)
	}
}

func TestAllMistakesAreReportedAtOnce(t *testing.T) {
	_, err := handofftest.ParseScript("s.txt", "at 1s shut Z\nat 2s explode\n")
	require.Error(t, err)
	assert.Equal(t, 5, len(strings.Split(err.Error(), "\n")), "%v", err)
}
