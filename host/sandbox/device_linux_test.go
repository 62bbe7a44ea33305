// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"strings"
	"testing"
)

// TestDeviceGrant uses /dev/tty, which answers ENXIO without a terminal: the
// driver was reached. Through a plain grant the same node answers EACCES.
func TestDeviceGrant(t *testing.T) {
	s, r := look(t, "read:/dev/tty,read:/target/dev/tty,write:/dev/other", func(spec *Spec) {
		spec.Binds = []Bind{{Source: "/dev/tty", Access: Device}, {Source: "/dev/tty"}}
	})
	if !r.Level.Confined() || !r.Level.Spaces() {
		t.Fatalf("level %v, %v", r.Level, r.Fallen)
	}
	if got := s.Results["read:/dev/tty"]; !strings.Contains(got, "no such device or address") {
		t.Errorf("a granted device answers %q", got)
	}
	if got := s.Results["read:/target/dev/tty"]; !strings.Contains(got, "permission denied") {
		t.Errorf("a device under a plain grant answers %q", got)
	}
	if got := s.Results["write:/dev/other"]; strings.HasPrefix(got, "ok") {
		t.Errorf("/dev is writable: %q", got)
	}
}

func TestDeviceTargets(t *testing.T) {
	for source, want := range map[string]string{
		"/dev/nvidia0":              "/dev/nvidia0",
		"/dev/nvidia-caps/cap1":     "/dev/nvidia-caps/cap1",
		"/dev/null":                 "",
		"/dev":                      "",
		"/etc/passwd":               "",
		"/dev/../etc/passwd":        "",
		"/dev/nvidia0/../../x":      "",
		"/device/elsewhere/nvidia0": "",
	} {
		got, err := Bind{Source: source, Access: Device}.target()
		if got != want || (err == nil) != (want != "") {
			t.Errorf("device %s has target %q, %v; want %q", source, got, err, want)
		}
	}
}
