// SPDX-License-Identifier: Apache-2.0

package fact

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// A path is named to its end, with the links that are there followed inside the
// target, whatever of it is missing.
func TestWouldBe(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links of this test are those of Unix")
	}
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "usr", "lib"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"lib": "usr/lib", "abs": "/usr/lib", "gone": "/no/such", "round": "round", "usr/up": "../lib"} {
		if err := os.Symlink(to, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	target := &Target{Root: root}
	for name, want := range map[string]string{
		"/proc/driver/nvidia/version": "/proc/driver/nvidia/version", "/lib/x/y": "/usr/lib/x/y", "/abs/x/y": "/usr/lib/x/y",
		"/gone/x": "/no/such/x", "/usr/up/x": "/usr/lib/x", "/lib/*/libc.so.6": "/usr/lib/*/libc.so.6", "/": "/", "/usr/../etc/x": "/etc/x",
	} {
		if got := target.wouldBe(name); got != want {
			t.Errorf("%s would be %s, want %s", name, got, want)
		}
	}
	_ = target.wouldBe("/round/x") // it ends
}

// Only a host that traces is told: others pay nothing for it.
func TestTracedIsToldByTheHost(t *testing.T) {
	for value, want := range map[string]bool{"": false, "1": true} {
		t.Setenv(handshake.EnvTraced, value)
		if got := TargetFromProto(&pluginv1.Target{Root: "/"}).traced; got != want {
			t.Errorf("%q: traced is %t", value, got)
		}
	}
	target := &Target{Root: t.TempDir(), traced: true}
	if _, err := target.ReadFile("/a/b/c"); err == nil {
		t.Error("what is not there was read")
	}
	if _, err := target.ReadDir("/a/b"); err == nil {
		t.Error("what is not there was listed")
	}
	if got := target.Glob("/a/*/c"); len(got) > 0 {
		t.Errorf("found %v", got)
	}
}
