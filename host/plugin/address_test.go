// SPDX-License-Identifier: Apache-2.0

//go:build unix

package plugin

import (
	"strings"
	"testing"
)

func TestSocketName(t *testing.T) {
	for _, c := range []struct {
		network, address, want string
	}{
		{"unix", "/tmp/plugin1", "plugin1"},
		{"tcp", "/tmp/plugin1", ""},
		{"unix", "/tmp/", ""},
		{"unix", "/tmp//", ""},
		{"unix", "/tmp/.", ""},
		{"unix", "/tmp/..", ""},
		{"unix", "/tmp/a/b", ""},
		{"unix", "/tmp/../run/docker.sock", ""},
		{"unix", "/tmpx/a", ""},
		{"unix", "/run/docker.sock", ""},
		{"unix", "plugin1", ""},
		{"unix", "@abstract", ""},
		{"unix", "/tmp/" + strings.Repeat("x", 101), ""},
	} {
		name, reason := socketName("/tmp", c.network, c.address)
		if name != c.want || (reason == "") != (c.want != "") {
			t.Errorf("%s %q: %q, %q", c.network, c.address, name, reason)
		}
	}
	if _, reason := socketName("", "unix", "/x"); reason == "" {
		t.Error("a plugin without a directory named a socket")
	}
}

func FuzzSocketName(f *testing.F) {
	f.Add("unix", "/tmp/p")
	f.Add("unix", "/tmp/../x")
	f.Fuzz(func(t *testing.T, network, address string) {
		name, reason := socketName("/tmp", network, address)
		if reason == "" && (name == "" || name == ".." || strings.ContainsAny(name, "/\x00")) {
			t.Fatalf("%q gave the name %q", address, name)
		}
	})
}
