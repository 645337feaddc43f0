package handofftest

// For tests of the pure parts.
var (
	GlobMatch    = globMatch
	SplitCommand = splitCommand
	SecondsUntil = secondsUntil
)
