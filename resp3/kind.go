package resp3

import "strconv"

// Kind is the type of a value. It is the byte that introduces the type on the
// wire; the zero Kind, Invalid, belongs to no value that was ever received.
type Kind byte

// The kinds of RESP3 (protocol-spec, "RESP protocol description"). The first
// five are all there is in RESP2.
const (
	Invalid        Kind = 0
	SimpleString   Kind = '+'
	SimpleError    Kind = '-'
	Integer        Kind = ':'
	BulkString     Kind = '$'
	Array          Kind = '*'
	Null           Kind = '_'
	Boolean        Kind = '#'
	Double         Kind = ','
	BigNumber      Kind = '('
	BulkError      Kind = '!'
	VerbatimString Kind = '='
	Map            Kind = '%'
	Set            Kind = '~'
	Attribute      Kind = '|'
	Push           Kind = '>'
)

// The two marks of streamed values (RESP3.md, "Streamed strings" and
// "Streamed aggregated data types"). They never become the kind of a value.
const (
	chunkMark = ';' // one piece of a streamed string
	endMark   = '.' // the end of a streamed aggregate
)

// String returns the name of the kind in words, as error texts use it.
func (k Kind) String() string {
	switch k {
	case Invalid:
		return "invalid"
	case SimpleString:
		return "simple string"
	case SimpleError:
		return "simple error"
	case Integer:
		return "integer"
	case BulkString:
		return "bulk string"
	case Array:
		return "array"
	case Null:
		return "null"
	case Boolean:
		return "boolean"
	case Double:
		return "double"
	case BigNumber:
		return "big number"
	case BulkError:
		return "bulk error"
	case VerbatimString:
		return "verbatim string"
	case Map:
		return "map"
	case Set:
		return "set"
	case Attribute:
		return "attribute"
	case Push:
		return "push"
	}
	if k == chunkMark {
		return "piece of a streamed string"
	}
	return "kind " + strconv.QuoteRuneToASCII(rune(k))
}

// paired reports whether the announced length of an aggregate counts pairs.
func (k Kind) paired() bool { return k == Map || k == Attribute }

// aggregate reports whether values of the kind hold other values.
func (k Kind) aggregate() bool {
	switch k {
	case Array, Map, Set, Push, Attribute:
		return true
	}
	return false
}
