// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"errors"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdPatient runs a command that uses up all the time that it is given, with more
// and more of it until that is enough for what else it does, and wants its exit code
// and its standard output: patient CODE REGEXP PROGRAM ARG...
func cmdPatient(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) > 2, "patient CODE REGEXP PROGRAM ARG...")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	words, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	for limit := 2 * time.Second; ; limit *= 3 {
		got := 0
		err := ts.Exec(args[2], append(args[3:], "--timeout", limit.String())...)
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			got = exit.ExitCode()
		} else {
			ts.Check(err)
		}
		if got == want && words.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if limit > time.Minute {
			ts.Fatalf("in %v: exit code %d, want %d with %q", limit, got, want, args[1])
		}
	}
}
