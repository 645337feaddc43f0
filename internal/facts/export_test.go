package facts

// For tests with a client, which imports this package.
var (
	Table    = table
	Syntaxes = syntaxes
)

type Syntax = syntax

// Deciding returns the options that decide on the fact of a command.
func (s *syntax) Deciding() (words []string) {
	for word, o := range s.options {
		if o.decides {
			words = append(words, word)
		}
	}
	return words
}
