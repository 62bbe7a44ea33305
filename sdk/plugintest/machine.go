// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// Machine writes a fake Linux machine of plain files below a temporary
// directory and describes it as a recorded one: system calls are not made, and
// the examined process is /proc/self, a directory of the tree. A test may
// change the target before it observes.
//
// The keys are the machine's own paths. A content "-> TEXT" makes a symbolic
// link, and a path that ends in "/" an empty directory. What lies directly in
// /dev is readable and writable by everybody.
func Machine(tb testing.TB, files map[string]string) *fact.Target {
	tb.Helper()
	root := tb.TempDir()
	for name, content := range files {
		if err := place(filepath.Join(root, filepath.FromSlash(name)), name, content); err != nil {
			tb.Fatal(err)
		}
	}
	return &fact.Target{
		Root: root, ProcessDir: "/proc/self", Env: map[string]string{},
		Home: "/home/ada", ProjectDir: "/home/ada/train", OS: "linux", Arch: "amd64",
	}
}

func place(host, name, content string) error {
	if strings.HasSuffix(name, "/") {
		return os.MkdirAll(host, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(host), 0o755); err != nil {
		return err
	}
	if link, ok := strings.CutPrefix(content, "-> "); ok {
		return os.Symlink(link, host)
	}
	if err := os.WriteFile(host, []byte(content), 0o644); err != nil {
		return err
	}
	if path.Dir(name) == "/dev" {
		return os.Chmod(host, 0o666) // whatever the umask is
	}
	return nil
}

// ThisMachine is the machine that runs the test, live, with its environment.
func ThisMachine() *fact.Target {
	env := map[string]string{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	home, _ := os.UserHomeDir() // a machine without one is examined all the same
	return &fact.Target{
		Root: "/", Live: true, ProcessDir: "/proc/self", Env: env, Home: home, OS: runtime.GOOS, Arch: runtime.GOARCH,
	}
}

// Observe runs collectors as the host does. A diagnostic ends the test, and a
// fact that no collector describes fails it.
func Observe(tb testing.TB, target *fact.Target, collectors ...fact.Collector) []fact.Fact {
	tb.Helper()
	facts, diags := fact.Observe(tb.Context(), target, collectors...)
	for _, d := range diags {
		tb.Fatal(d)
	}
	described := map[string]bool{}
	for _, c := range collectors {
		for _, f := range c.Facts {
			described[f.Address] = true
		}
	}
	for _, f := range facts {
		if !described[withoutKey(f.Address)] {
			tb.Errorf("fact %s is not described by a collector", f.Address)
		}
	}
	return facts
}

// withoutKey takes the key out of an address: "disk[/a].free" is "disk.free".
func withoutKey(address string) string {
	before, rest, keyed := strings.Cut(address, "[")
	if !keyed {
		return address
	}
	return before + rest[strings.LastIndexByte(rest, ']')+1:]
}

// Facts are made-up facts by address, such as those that another plugin's
// collectors would record.
func Facts(values map[string]any) []fact.Fact {
	var r fact.Recorder
	for address, value := range values {
		r.Add(address, value)
	}
	return r.Facts()
}

// Diagnose runs checks on facts and returns the findings by code. Settings that
// config leaves out are defaults; a check that panics ends the test.
func Diagnose(tb testing.TB, facts []fact.Fact, checks []check.Check, config map[string][]byte) map[string][]check.Finding {
	tb.Helper()
	out := map[string][]check.Finding{}
	for _, o := range check.Run(tb.Context(), fact.NewSet(facts), checks, config) {
		if o.Status == pluginv1.CheckOutcome_STATUS_FAILED {
			tb.Fatalf("%s: %s", o.Code, o.Reason)
		}
		for _, f := range o.Findings {
			out[f.Code] = append(out[f.Code], f)
		}
	}
	return out
}
