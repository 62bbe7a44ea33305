// SPDX-License-Identifier: Apache-2.0

// Probe is a plugin that tries what it is told to and tells how it went, for the
// tests of grants and limits through the real host. It means no harm: each attempt
// is what an honest plugin does with a grant, or what it does by mistake without.
//
// Its collector reads the attempts from the variable PROBE_TRY of the examined
// process, which its manifest must ask for: one on a line, a verb and its words.
// Each becomes the fact probe.try[LINE].outcome: a text, or unknown with the error.
// Its kernel "work" passes rows on and tries the list of its setting "try" before;
// an error ends it.
//
//	secret NAME         "sha256:..." of a granted secret
//	leak NAME           logs the secret in several forms
//	fail NAME           panics with the secret in the text
//	get URL             status and body, through the host's door
//	dial HOST:PORT      a connection of its own, which no sandbox allows
//	run PROGRAM WORD... the output of a program
//	read PATH           a file of the machine
//	write PATH TEXT     the same, to be read back
//	env NAME            a variable of the examined process
//	own NAME            a variable of its own
//	allocate MIB        memory, all of it used
//	spin DURATION       one processor, busy
//	sleep DURATION      nothing, through every signal that can be ignored
//	log BYTES           lines of its log
//	threads COUNT       threads of the system, all at once
package main

import (
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
)

var (
	info     = plugin.Info{Name: "probe", Version: "0.1.0"}
	services = []plugin.Service{fact.Serve(collector), kernel.Serve(work)}
)

func main() { plugin.Serve(info, services...) }
