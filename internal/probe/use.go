// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
)

// use takes an amount of something.
func use(verb, amount string) (string, error) {
	if verb == "spin" || verb == "sleep" {
		d, err := time.ParseDuration(amount)
		if err != nil {
			return "", err
		}
		return pass(verb, d), nil
	}
	n, err := strconv.Atoi(amount)
	if err != nil {
		return "", err
	}
	switch verb {
	case "allocate":
		return allocate(n), nil
	case "log":
		return chatter(n), nil
	case "threads":
		return threads(n), nil
	}
	return "", fmt.Errorf("unknown verb %q", verb)
}

// pass lets time go by, idle or busy.
func pass(verb string, d time.Duration) string {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM)
	if verb == "sleep" {
		time.Sleep(d)
		return "slept"
	}
	rounds := 0
	for begin := time.Now(); time.Since(begin) < d; rounds++ {
		for n := range 1 << 16 {
			rounds ^= n
		}
	}
	return "spun"
}

// allocate touches every page.
func allocate(mib int) string {
	blocks := make([][]byte, mib)
	for i := range blocks {
		blocks[i] = make([]byte, 1<<20)
		for j := 0; j < len(blocks[i]); j += os.Getpagesize() {
			blocks[i][j] = 1
		}
	}
	runtime.KeepAlive(blocks)
	return fmt.Sprint(mib, " MiB")
}

func chatter(bytes int) string {
	line := strings.Repeat("chatter ", 120)
	for range bytes / len(line) {
		plugin.Logger().Info(line)
	}
	return "logged"
}

// threads keeps count goroutines each on a thread of its own.
func threads(count int) string {
	begun, end := make(chan struct{}), make(chan struct{})
	for range count {
		go func() {
			runtime.LockOSThread()
			begun <- struct{}{}
			<-end
		}()
	}
	for range count {
		<-begun
	}
	close(end)
	return fmt.Sprint(count, " threads")
}
