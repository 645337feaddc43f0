package main

import (
	"fmt"
	"io"
	"slices"
)

// matrix is a group of scenarios that one reads side by side.
type matrix struct {
	title     string
	scenarios []string
	metrics   []string
	wins      []string // the figures in which a client can win
}

// matrices are the groups of the document.
var matrices = []matrix{
	{"Callers over TCP", []string{"get-1", "get-8", "get-64", "get-512", "get-4096"}, []string{"ops", "p99", "cpu"}, []string{"ops", "p99", "cpu"}},
	{"Few callers over TCP", []string{"get-2", "get-3", "get-4"}, []string{"ops", "p50", "p99", "cpu"}, []string{"ops", "p50", "p99"}},
	{"Callers over a unix socket", []string{"unix-1", "unix-8", "unix-64", "unix-512", "unix-4096"}, []string{"ops", "p99"}, []string{"ops", "p99"}},
	{"Callers over TLS", []string{"tls-1", "tls-64", "tls-512"}, []string{"ops", "p99"}, []string{"ops", "p99"}},
	{"One caller", []string{"burst", "cancel", "timeout", "set", "incr"}, []string{"ops", "p99", "allocs"}, []string{"ops", "p99"}},
	{"64 callers", []string{"cancel-64", "timeout-64", "set-64", "incr-64"}, []string{"ops", "p99", "allocs"}, []string{"ops", "p99"}},
	{"Pipelines", []string{"pipe-10", "pipe-100", "pipe-1000"}, []string{"ops", "allocs"}, []string{"ops"}},
	{"Large values", []string{"get-64k-into", "get-1m-into", "get-64k", "get-1m"}, []string{"ops", "bytes"}, []string{"ops"}},
	{"Large values written", []string{"set-64k", "settext-64k", "pipeset-64k", "hset-64k", "xadd-64k", "mset-64k", "set-256k", "settext-256k", "set-1m", "settext-1m"}, []string{"ops", "p99", "cpu", "bytes"}, []string{"ops", "p99"}},
	{"Aggregates", []string{"mget-100", "hgetall-1000", "lrange-1000"}, []string{"ops", "allocs"}, []string{"ops"}},
	{"A hash into a struct", []string{"hgetall-struct"}, []string{"ops", "cpu", "allocs", "bytes"}, []string{"ops", "bytes"}},
	{"Commands that wait, and transactions with WATCH", []string{"blpop-1", "blpop-32", "watch-8", "watch-64"}, []string{"ops", "p99", "cpu", "allocs"}, []string{"ops", "p99", "cpu"}},
	{"Open loop", []string{"open-5k", "open-20k", "open-40k"}, []string{"p50", "p99", "p999", "cpu"}, []string{"p50", "p99", "p999"}},
	{"Opening a client and 100 first GETs at once", []string{"first-100"}, []string{"p50", "p99", "allocs"}, []string{"p50"}},
	{"1000 idle connections", []string{"idle-1000"}, []string{"heap", "goroutines", "idlecpu"}, []string{"heap", "goroutines", "idlecpu"}},
	{"Small values while 200 MiB a second are read beside them", []string{"beside"}, []string{"ops", "p50", "p99", "p999", "cpu"}, []string{"ops", "p99"}},
	{"Messages of one subscription", []string{"pubsub-1", "pubsub-32"}, []string{"ops", "cpu", "allocs"}, []string{"ops"}},
	{"One caller beside a subscription", []string{"beside-sub"}, []string{"ops", "p50", "p99", "p999", "cpu"}, []string{"ops", "p99"}},
	{"20,000 calls with random cancellations", []string{"storm"}, []string{"plain", "opened", "cut"}, []string{"extra"}},
	{"While the server moves", []string{"moving"}, []string{"failed", "wrong", "missed", "failedpops", "lostpops", "left", "stall", "calm999", "p999"}, []string{"failed", "wrong", "missed", "failedpops", "lostpops", "left", "stall"}},
	{"A program with one SET and one GET", []string{"program"}, []string{"size", "compile", "modules"}, []string{"size", "compile", "modules"}},
	{"Decoding in memory", []string{"decode-mixed", "decode-mixed-resp2", "decode-bulk64", "decode-array1000"}, []string{"mbs", "allocs"}, []string{"mbs"}},
}

// markdown writes one table for each figure, with the scenarios as columns, or one with the figures as columns if there is a
// single scenario. Drivers without any figure are left out, and so are tables without drivers.
func (m matrix) markdown(w io.Writer, r Results) error {
	drivers := slices.DeleteFunc(driverNames(), func(d string) bool {
		return !slices.ContainsFunc(m.scenarios, func(s string) bool { return len(r.where(s, d)) > 0 })
	})
	if len(drivers) == 0 {
		return nil
	}
	fmt.Fprintf(w, "### %s\n\n", m.title)
	var list []column
	for _, name := range m.metrics {
		c, err := columnOf(name)
		if err != nil {
			return err
		}
		list = append(list, c)
	}
	if len(m.scenarios) == 1 {
		g := &grid{head: []string{"driver"}, left: 1}
		for _, c := range list {
			g.head = append(g.head, c.title)
		}
		for _, d := range drivers {
			row := []string{"`" + d + "`"}
			for _, c := range list {
				row = append(row, c.bold(r, m.scenarios[0], d))
			}
			g.add(row...)
		}
		g.markdown(w)
		return nil
	}
	for _, c := range list {
		g := &grid{head: append([]string{c.title}, m.scenarios...), left: 1}
		for _, d := range drivers {
			row := []string{"`" + d + "`"}
			for _, s := range m.scenarios {
				row = append(row, c.bold(r, s, d))
			}
			g.add(row...)
		}
		g.markdown(w)
	}
	return nil
}

// bold is a driver's figure, in bold if it is a client and none has one that reads better.
func (c column) bold(r Results, scenario, driver string) string {
	text := c.text(r, scenario, driver)
	mine, ok := r.median(scenario, driver, c.metric)
	if !ok || c.better == neither {
		return text
	}
	client := false
	for _, d := range allDrivers() {
		if d.Role != Ours && d.Role != Peer {
			continue
		}
		client = client || d.Name == driver
		v, ok := r.median(scenario, d.Name, c.metric)
		if ok && c.beats(v, mine) && c.text(r, scenario, d.Name) != text {
			return text
		}
	}
	if !client {
		return text
	}
	return "**" + text + "**"
}
