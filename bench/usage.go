package main

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// usage is what a process has used up to an instant.
type usage struct {
	at               time.Time
	user, sys        time.Duration
	server           time.Duration
	mallocs, bytes   uint64
	writes, readings uint64
}

// takeUsage reads the counters of this process and the CPU time of the server.
func takeUsage(server *control) (usage, error) {
	var u usage
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u.mallocs, u.bytes = m.Mallocs, m.TotalAlloc
	s, err := server.cpu()
	if err != nil {
		return u, err
	}
	u.server = s
	u.readings, u.writes = ioCalls()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return u, err
	}
	u.user, u.sys = time.Duration(r.Utime.Nano()), time.Duration(r.Stime.Nano())
	u.at = time.Now()
	return u, nil
}

// cpuTime is the CPU time this process has used, in all its threads.
func cpuTime() (time.Duration, error) {
	var r syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), err
}

// per returns the difference of two readings for each of n operations.
func (u usage) per(before usage, n float64) Metrics {
	us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 / n }
	m := Metrics{
		"cpu": us(u.user + u.sys - before.user - before.sys), "user": us(u.user - before.user),
		"server": us(u.server - before.server),
		"allocs": float64(u.mallocs-before.mallocs) / n, "bytes": float64(u.bytes-before.bytes) / n,
	}
	if u.writes > 0 {
		m["writes"] = float64(u.writes-before.writes) / n
		m["reads"] = float64(u.readings-before.readings) / n
	}
	return m
}

// ioCalls is the number of read and write system calls of this process (proc(5), /proc/pid/io), 0 where it is not told.
func ioCalls() (reads, writes uint64) {
	b, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0, 0
	}
	return ioField(b, "syscr: "), ioField(b, "syscw: ")
}

// ioField is one number of /proc/pid/io.
func ioField(b []byte, name string) uint64 {
	_, rest, ok := bytes.Cut(b, []byte(name))
	if !ok {
		return 0
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	n, _ := strconv.ParseUint(string(line), 10, 64)
	return n
}

// holdAwake keeps idle cores from sleeping deeply while the file it returns is open (Linux, PM QoS interface). Where that does
// not exist or is not allowed it returns nil: wake-up times then are part of every result.
func holdAwake() *os.File {
	f, err := os.OpenFile("/dev/cpu_dma_latency", os.O_WRONLY, 0)
	if err != nil {
		return nil
	}
	if _, err := f.Write([]byte{0, 0, 0, 0}); err != nil {
		f.Close()
		return nil
	}
	return f
}
