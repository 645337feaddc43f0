// Package soak holds the test of everything at once: a load whose every step has a number, on real sockets, through moves,
// kills and stalls in front of a redis-server, and an oracle that accounts for every number afterwards. It has no code but tests.
//
//	go test -race -run Soak -timeout 10m ./internal/soak -v               some seconds
//	BATON_SOAK=2m go test -race -run Soak -timeout 10m ./internal/soak -v  two minutes, a move every two seconds
package soak
