// SPDX-License-Identifier: Apache-2.0

// Hostile is a plugin that misbehaves, for the tests of the host through its
// real binary. The name of the file chooses how, because a plugin gets no
// environment and no arguments: copy it under one of these names. What follows
// a dot in the name does not count.
//
//	crash-start   panics before the handshake
//	exit-start    prints a reason and ends with status 3
//	hang-start    never says a word
//	garbage       greets with prose and escape sequences
//	wrong-version speaks protocol 99
//	tcp-address   names a TCP address instead of its socket
//	crash-check   a check that panics
//	exit-collect  a collector that ends its process
//	hang-collect  a collector that never returns, and ignores signals
//	flood         logs 4 MiB in one call
//	escapes       terminal escape sequences in everything that it says
//	wrong-code    a check whose code is not one
//	crash-kernel  a kernel that kills its process in the middle of a call
//	hang-kernel   a kernel that never returns, and ignores signals
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
)

// patience is longer than any test waits.
const patience = 10 * time.Minute

// greetings are first lines of output that a host must refuse.
var greetings = map[string]string{
	"garbage":       "Hello, I am a plugin\x1b[2J",
	"wrong-version": "1|99|unix|" + os.Getenv("PLUGIN_UNIX_SOCKET_DIR") + "/x|grpc",
	"tcp-address":   "1|1|tcp|127.0.0.1:22|grpc",
}

func main() {
	kind, _, _ := strings.Cut(filepath.Base(os.Args[0]), ".")
	if line, ok := greetings[kind]; ok {
		fmt.Println(line)
		time.Sleep(patience)
	}
	switch kind {
	case "crash-start":
		panic("the model zoo is empty")
	case "exit-start":
		fmt.Fprintln(os.Stderr, "no licence found")
		os.Exit(3)
	case "hang-start":
		time.Sleep(patience)
	case "crash-kernel", "hang-kernel":
		plugin.Serve(plugin.Info{Name: kind}, kernels(kind))
	}
	plugin.Serve(plugin.Info{Name: kind}, doctors(kind)...)
}
