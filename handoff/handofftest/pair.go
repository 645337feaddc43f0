package handofftest

// Addresses of a [Pair].
const (
	PairA    = "10.0.0.1:6379"
	PairB    = "10.0.0.2:6379"
	PairName = "db.example.com" // leads to A until Network.SetHost says otherwise
)

// TB is the part of testing.TB that NewPair uses.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Pair is a server with two nodes on a network in memory. Most tests of a move begin with one: clients connect to A, and
// A.Moving sends them to B.
type Pair struct {
	Network *Network
	Server  *Server
	A, B    *Node
}

// NewPair makes a Pair, and closes its server when the test ends. It takes at most one Options, whose Listen is replaced.
// Give Network.DialContext to the client as its dialer, and the Network itself as its resolver.
//
// NewPair is meant for testing/synctest: call it in the bubble, with the bubble's *testing.T. Clients must be closed before
// the test ends, for example by defer.
func NewPair(t TB, opts ...Options) *Pair {
	t.Helper()
	var o Options
	if len(opts) > 0 {
		o = opts[0]
	}
	p := &Pair{Network: NewNetwork()}
	o.Listen = p.Network.Listen
	p.Server = NewServer(o)
	t.Cleanup(p.Server.Close)
	listen := func(addr string) *Node {
		n, err := p.Server.Listen(addr)
		if err != nil {
			t.Fatalf("handofftest: %v", err)
		}
		return n
	}
	p.A, p.B = listen(PairA), listen(PairB)
	p.Network.SetHost(PairName, "10.0.0.1")
	return p
}
