// SPDX-License-Identifier: Apache-2.0

package selftest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/host/sandbox/cgroup/guest"
)

// orderKey is the variable that makes the test binary carry out an order instead
// of tests. It is how the catalogue comes to run in a container, in a guest, or
// as somebody else: the binary is started there and prints its report.
const orderKey = "SELFTEST_ORDER"

// order says what to attack, and what to give up before.
type order struct {
	Only     []string       `json:"only,omitempty"`
	Floor    sandbox.Level  `json:"floor"`
	Limits   sandbox.Limits `json:"limits"`
	Patience time.Duration  `json:"patience"`

	// NoNamespaces forbids namespaces from here on. It takes a user namespace of
	// the process's own.
	NoNamespaces bool `json:"no_namespaces,omitempty"`
	// UID to become after that; 0 is none.
	UID int `json:"uid,omitempty"`
}

// reportMark begins the line with the report, among what else a console shows.
const reportMark = "selftest-report: "

func init() { elsewhere = obey }

// env is the order as a variable of the environment.
func (o order) env() string {
	text, _ := json.Marshal(o) // of texts and numbers: cannot fail
	return orderKey + "=" + string(text)
}

// obey starts up a guest, if this is its process 1. Then it carries out the order
// of the environment, if there is one, and ends.
func obey() {
	guest.Init()
	text := os.Getenv(orderKey)
	if text == "" {
		return
	}
	var o order
	err := json.Unmarshal([]byte(text), &o)
	if err == nil {
		err = o.carryOut()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func (o order) carryOut() error {
	if o.NoNamespaces || o.UID != 0 {
		return o.giveUp()
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	report, err := Run(context.Background(), Options{Executable: exe, Only: o.Only, Floor: o.Floor, Limits: o.Limits, Patience: o.Patience})
	if err != nil {
		return err
	}
	text, err := json.Marshal(report)
	if err == nil {
		_, err = fmt.Printf("\n%s%s\n", reportMark, text)
	}
	return err
}

// giveUp forbids namespaces, becomes another user, and starts over with the rest
// of the order.
func (o order) giveUp() error {
	runtime.LockOSThread()
	if o.NoNamespaces {
		// Root of a user namespace could still make all others in it.
		err := errors.Join(
			os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0),
			unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_SYS_ADMIN, 0, 0, 0),
		)
		if err != nil {
			return fmt.Errorf("forbidding namespaces: %w", err)
		}
	}
	if o.UID != 0 {
		if err := errors.Join(unix.Setgid(o.UID), unix.Setuid(o.UID)); err != nil {
			return fmt.Errorf("becoming user %d: %w", o.UID, err)
		}
	}
	o.NoNamespaces, o.UID = false, 0
	rest := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, orderKey+"=") })
	return syscall.Exec("/proc/self/exe", os.Args[:1], append(rest, o.env()))
}

// reportOf finds the report in what an order printed.
func reportOf(t *testing.T, output []byte) *Report {
	t.Helper()
	for line := range bytes.Lines(output) {
		text, found := bytes.CutPrefix(line, []byte(reportMark))
		if !found {
			continue
		}
		var r Report
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatalf("%v: %.200s", err, text)
		}
		r.log(t)
		return &r
	}
	t.Fatalf("no report came back:\n%s", output)
	return nil
}

// log writes the table, and how the level was found.
func (r *Report) log(t *testing.T) {
	t.Helper()
	t.Logf("level %s, %d of %d attacks contained", r.Level, r.Contained(), len(r.Attacks))
	for _, fallen := range r.Sandbox.Fallen {
		t.Logf("fallen: %s", fallen)
	}
	for _, w := range r.Sandbox.Walls {
		t.Logf("wall %-18s %-5v %s", w.Name, w.On, w.Detail)
	}
	for _, a := range r.Attacks {
		t.Logf("%-24s %-5v %-18s %5d ms  %s", a.Name, a.Contained, a.Wall, a.Milliseconds, a.Detail)
	}
}

// wantResidues checks that what was documented got through and nothing else. The
// attacker was static; held are residues that these circumstances hold.
func wantResidues(t *testing.T, r *Report, held ...string) {
	t.Helper()
	always, maybe := r.residues(true)
	always = slices.DeleteFunc(always, func(name string) bool { return slices.Contains(held, name) })
	wantHits(t, r, always, maybe)
}

// wantFallen checks that each text is in what was said about a higher level.
func wantFallen(t *testing.T, r *Report, want map[sandbox.Level]string) {
	t.Helper()
	for level, text := range want {
		if !slices.ContainsFunc(r.Sandbox.Fallen, func(s string) bool {
			return strings.Contains(s, "level "+level.String()+":") && strings.Contains(s, text)
		}) {
			t.Errorf("nothing says that level %s fell with %q: %q", level, text, r.Sandbox.Fallen)
		}
	}
}

// wantLevel checks the level, which must have been verified.
func wantLevel(t *testing.T, r *Report, want sandbox.Level) {
	t.Helper()
	if r.Level != want || !r.Sandbox.Verified {
		t.Errorf("level %s, verified %v; want %s", r.Level, r.Sandbox.Verified, want)
	}
}
