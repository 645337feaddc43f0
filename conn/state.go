package conn

import "fmt"

// State says what a connection is doing with its links. It does not say who holds the connection (the pool knows), how
// many replies are owed (the link knows) or whether timeouts are relaxed (the endpoint knows).
type State uint8

// The states of a connection; docs/architecture.md draws them.
const (
	Dialing  State = iota // the first link is being dialled and set up; the zero State
	Ready                 // one link serves
	Moving                // a next link is being prepared beside the serving one
	Draining              // the new link serves and the old one still delivers what it owes
	Closed                // no link is left; Conn.Err tells why
)

var stateNames = [...]string{Dialing: "dialing", Ready: "ready", Moving: "moving", Draining: "draining", Closed: "closed"}

// String returns the lower-case name of the state.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// legalSteps is the state table: legalSteps[from] has bit `to` set if the step is allowed.
var legalSteps = [...]uint8{
	Dialing:  1<<Ready | 1<<Closed,
	Ready:    1<<Moving | 1<<Closed,
	Moving:   1<<Ready | 1<<Draining | 1<<Closed,
	Draining: 1<<Ready | 1<<Moving | 1<<Closed,
	Closed:   0,
}

func legalStep(from, to State) bool { return legalSteps[from]&(1<<to) != 0 }
