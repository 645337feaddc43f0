package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/baton-go/baton"
	"github.com/baton-go/baton/pool"
)

func cpu() float64 {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e6
}

func main() {
	runtime.MemProfileRate = 512
	n := 1000
	if os.Getenv("N") == "1" {
		n = 1
	}
	c, err := baton.New(baton.Options{Addr: os.Args[1], Pool: pool.Config{Size: n + 1, MinIdle: n - 1}})
	if err != nil {
		panic(err)
	}
	if err := c.Ready(context.Background()); err != nil {
		panic(err)
	}
	for {
		open := 0
		for range c.Conns() {
			open++
		}
		if open >= n {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	mem := func(what string) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Printf("%s: alloc %d KiB total %d KiB sys %d idle %d released %d stack %d gcs %d mallocs %d\n", what, m.HeapAlloc>>10, m.TotalAlloc>>10, m.HeapSys>>10, m.HeapIdle>>10, m.HeapReleased>>10, m.StackSys>>10, m.NumGC, m.Mallocs)
	}
	mem("open")
	time.Sleep(time.Second)
	mem("1s")
	runtime.GC()
	runtime.GC()
	if len(os.Args) > 2 {
		f, _ := os.Create(os.Args[2])
		pprof.Lookup("allocs").WriteTo(f, 0)
		f.Close()
		return
	}
	if len(os.Args) > 2 {
		f, _ := os.Create(os.Args[2])
		runtime.SetCPUProfileRate(2000)
		pprof.StartCPUProfile(f)
		defer pprof.StopCPUProfile()
	}
	mem("gc")
	for range 6 {
		last := cpu()
		time.Sleep(2 * time.Second)
		fmt.Printf("%.2f ", cpu()-last)
	}
	fmt.Println()
	mem("end")
}
