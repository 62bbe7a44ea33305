// SPDX-License-Identifier: Apache-2.0

// Hostile is a plugin that misbehaves, for the tests of the host through its
// real binary. The name of the file chooses how, because a plugin gets no
// environment and no arguments: copy it under one of these names. What follows
// a dot in the name does not count.
//
// At the start (greeting.go):
//
//	crash-start     panics before the handshake
//	exit-start      prints a reason and ends with status 3
//	hang-start      never says a word
//	garbage         greets with prose and escape sequences
//	endless-line    greets with a line that never ends
//	no-newline      greets well, but for the end of the line
//	line-then-exit  greets well and is gone
//	wrong-version   speaks protocol 99
//	wrong-core      speaks another core protocol of go-plugin
//	net-rpc         serves net/rpc
//	certificate     sends a certificate that nobody asked for
//	tcp-address     names a TCP address instead of its socket
//	foreign-socket  names a socket of the machine
//	symlink-socket  names a link to a socket of the machine
//	traversal       names a path that leaves its directory
//	dead-socket     names a socket that nobody serves
//	deaf-socket     names a socket that nobody accepts on
//	mute-socket     accepts, and says nothing
//
// In the frames of HTTP/2 (frames.go):
//
//	not-http2       answers with prose
//	goaway          takes its leave from every connection
//	resets          resets every stream
//	no-window       opens no window for the request
//	dribble         answers a byte at a time, for ever
//	ping-flood      sends nothing but pings
//	settings-flood  sends nothing but settings
//	window-flood    opens a window that is open, for ever
//	push-flood      pushes what nobody asked for
//	headers-flood   sends headers that never end
//	padding-flood   sends data that is padding and nothing else, for ever
//	padded-dribble  answers a byte at a time, each in a frame of padding
//	small-frames    answers sixteen bytes at a time, as fast as it can
//	stray-data      sends data on a stream that nobody began, as fast as it can
//	strange-flood   sends frames of a kind that nobody knows
//	priority-flood  sends priorities, for ever
//	hundred-flood   says for ever that it will answer soon
//	no-streams      lets the host begin no stream
//	no-headers      takes no headers
//	header-bomb     repeats a large header by its number
//	bad-header      sends headers with line feeds and zeros
//	long-frame      sends a frame that is longer than agreed
//	window-overflow opens the window until its number overflows
//	web-page        answers with a web page of escape sequences
//	bad-details     ends a call with details that are garbage
//	compressed      compresses an answer, which nobody asked for
//
// In its answers (answers.go, bombs.go): see there.
//
// In a call (doctor.go, kernel.go, life_unix.go):
//
//	crash-check     a check that panics
//	exit-collect    a collector that ends its process
//	hang-collect    a collector that never returns, and ignores signals
//	stop-collect    a collector that stops its process
//	spin-collect    a collector that uses up the processor
//	memory-collect  a collector that uses up the memory
//	fork-collect    a collector that starts as many processes as it can
//	daemon-collect  a collector that leaves a child that holds its output
//	exit-check      a check that ends its process
//	flood           logs 4 MiB in one call
//	forge           logs lines that look like the host's
//	escapes         terminal escape sequences in everything that it says
//	wrong-code      a check whose code is not one
//	hang-drain      never ends its work when it is asked to
//	crash-kernel    a kernel that kills its process in the middle of a call
//	hang-kernel     a kernel that never returns, and ignores signals
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

func main() {
	kind, _, _ := strings.Cut(filepath.Base(os.Args[0]), ".")
	greet(kind)
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
	if lie, ok := frameLies[kind]; ok {
		serveFrames(lie)
	}
	if lie, ok := answerLies[kind]; ok {
		serveAnswers(kind, lie)
	}
	plugin.Serve(plugin.Info{Name: kind}, doctors(kind)...)
}
