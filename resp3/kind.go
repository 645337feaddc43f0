package resp3

import "strconv"

// Kind is the type of a value: the byte that introduces it on the wire. No value that was received has the zero Kind, Invalid.
type Kind byte

// The kinds of RESP3 (protocol-spec, "RESP protocol description"). RESP2 has the first five.
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

// The two marks of streamed values (RESP3.md, "Streamed strings", "Streamed aggregated data types"). No value has them as its kind.
const (
	chunkMark = ';' // one piece of a streamed string
	endMark   = '.' // the end of a streamed aggregate
)

var kindNames = [...]string{
	Invalid: "invalid", SimpleString: "simple string", SimpleError: "simple error", Integer: "integer", BulkString: "bulk string",
	Array: "array", Null: "null", Boolean: "boolean", Double: "double", BigNumber: "big number", BulkError: "bulk error",
	VerbatimString: "verbatim string", Map: "map", Set: "set", Attribute: "attribute", Push: "push",
	chunkMark: "piece of a streamed string", endMark: "end mark",
}

// String returns the name of the kind in words, as error texts use it.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return "kind " + strconv.QuoteRuneToASCII(rune(k))
}

// withArticle returns the name for the middle of a sentence.
func (k Kind) withArticle() string {
	switch k {
	case Array, Integer, Attribute, endMark:
		return "an " + k.String()
	}
	return "a " + k.String()
}

// aggregate reports whether values of the kind hold other values.
func (k Kind) aggregate() bool {
	switch k {
	case Array, Map, Set, Push, Attribute:
		return true
	}
	return false
}

// paired reports whether the announced length of an aggregate counts pairs.
func (k Kind) paired() bool { return k == Map || k == Attribute }
