package handofftest

import (
	"fmt"
	"net"
	"slices"
)

// scriptVerb is something that happens on the stage.
type scriptVerb struct {
	args string // kinds, see checkArgs
	do   func(st *Stage, args []string) error
}

// scriptVerbs are all verbs but those of the player itself, which have no do.
var scriptVerbs = map[string]scriptVerb{
	// Announcements of servers.
	"MOVING": {"node seconds target", func(st *Stage, a []string) error {
		st.nodes[a[0]].Moving(st.seconds(a[1]), st.target(a[2]))
		return nil
	}},
	"MIGRATING":    {"seconds word*", func(st *Stage, a []string) error { st.Server.Migrating(st.seconds(a[0]), a[1:]...); return nil }},
	"MIGRATED":     {"word*", func(st *Stage, a []string) error { st.Server.Migrated(a...); return nil }},
	"FAILING_OVER": {"seconds word*", func(st *Stage, a []string) error { st.Server.FailingOver(st.seconds(a[0]), a[1:]...); return nil }},
	"FAILED_OVER":  {"word*", func(st *Stage, a []string) error { st.Server.FailedOver(a...); return nil }},
	"SMIGRATING":   {"word", func(st *Stage, a []string) error { st.Server.SlotsMigrating(a[0]); return nil }},
	"SMIGRATED": {"node node word", func(st *Stage, a []string) error {
		st.Server.SlotsMigrated(SlotMove{From: st.target(a[0]), To: st.target(a[1]), Slots: a[2]})
		return nil
	}},
	"remind":     {"node", func(st *Stage, a []string) error { st.nodes[a[0]].Remind(); return nil }},
	"end-moving": {"node", func(st *Stage, a []string) error { st.nodes[a[0]].EndMoving(); return nil }},
	"seq":        {"number", func(st *Stage, a []string) error { st.Server.SetSeq(int64(number(a[0]))); return nil }},
	"push":       {"node bytes", func(st *Stage, a []string) error { return st.told(a[0], st.nodes[a[0]].Push(st.frame(a[1]))) }},
	"push-one": {"node bytes", func(st *Stage, a []string) error {
		c := st.oldest(a[0])
		if c == nil {
			return st.told(a[0], 0)
		}
		c.Push(st.frame(a[1]))
		return nil
	}},
	// Troubles of nodes and connections.
	"shut":   {"node", func(st *Stage, a []string) error { st.nodes[a[0]].Shut(); return nil }},
	"kill":   {"node", func(st *Stage, a []string) error { st.nodes[a[0]].Kill(); return nil }},
	"refuse": {"node", func(st *Stage, a []string) error { st.nodes[a[0]].Refuse(); return nil }},
	"reopen": {"node", func(st *Stage, a []string) error { return st.nodes[a[0]].Reopen() }},
	"drop": {"node", func(st *Stage, a []string) error {
		for _, i := range st.nodes[a[0]].Conns() {
			st.shut(i)
		}
		return nil
	}},
	"drop-one": {"node", func(st *Stage, a []string) error {
		if c := st.oldest(a[0]); c != nil {
			c.Shut()
		}
		return nil
	}},
	"stall":   {"node on|off", func(st *Stage, a []string) error { st.nodes[a[0]].Stall(a[1] == "on"); return nil }},
	"delay":   {"node duration", func(st *Stage, a []string) error { st.nodes[a[0]].Delay(st.duration(a[1])); return nil }},
	"trouble": {"node mute|auth|resp2|surplus|none", func(st *Stage, a []string) error { return st.trouble(a[0], a[1]) }},
	"tls":     {"node right|wrong|plain", func(st *Stage, a []string) error { return st.setTLS(a[0], a[1]) }},
	"swallow": {"node on|off", func(st *Stage, a []string) error {
		st.mu.Lock()
		defer st.mu.Unlock()
		st.swallow[st.nodes[a[0]].Addr()] = a[1] == "on"
		return nil
	}},
	// Answers of the network and the server.
	"dns":  {"node*", func(st *Stage, a []string) error { st.network.SetHost(StageName, st.ips(a)...); return nil }},
	"name": {"node word", func(st *Stage, a []string) error { st.name(a[0], a[1]); return nil }},
	"feature": {"on|off|unknown", func(st *Stage, a []string) error {
		m, err := maintenanceOf(a[0])
		st.Server.SetMaintenance(m)
		return err
	}},
	// The client's part, carried out by the player.
	"load":  {"number duration", nil},
	"stop":  {"", nil},
	"call":  {"word word word*", nil},
	"close": {"", nil},
}

func (st *Stage) told(node string, n int) error {
	if n == 0 && !st.Off { // with the feature off nobody has opted in
		return fmt.Errorf("nobody at %s has opted in, so that nobody was told", node)
	}
	return nil
}

func (st *Stage) shut(i ConnInfo) {
	if c := st.Server.Conn(i.ID); c != nil {
		c.Shut()
	}
}

// oldest is the connection that the node has had for longest, nil if it has none.
func (st *Stage) oldest(node string) *Conn {
	infos := st.nodes[node].Conns()
	if len(infos) == 0 {
		return nil
	}
	first := slices.MinFunc(infos, func(a, b ConnInfo) int { return int(a.ID) - int(b.ID) })
	return st.Server.Conn(first.ID)
}

func (st *Stage) trouble(node, word string) error {
	st.nodes[node].SetTrouble(Trouble{Mute: word == "mute", RefuseAuth: word == "auth", Resp2Hello: word == "resp2", Surplus: word == "surplus"})
	return nil
}

func (st *Stage) setTLS(node, word string) error {
	if st.certs == nil {
		return fmt.Errorf("tls needs a stage with server: tls=yes")
	}
	st.nodes[node].SetTLS(st.certs[word])
	return nil
}

func (st *Stage) ips(nodes []string) []string {
	var ips []string
	for _, name := range nodes {
		host, _, _ := net.SplitHostPort(st.nodes[name].Addr())
		ips = append(ips, host)
	}
	return ips
}

func (st *Stage) name(node, name string) {
	st.Server.SetName(st.nodes[node].Addr(), name)
	st.network.SetHost(name, st.ips([]string{node})...)
}

func number(text string) int {
	var n int
	_, _ = fmt.Sscan(text, &n) // checked by the parser
	return n
}
