// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"errors"
	"strings"
	"testing"
)

func TestParseGreeting(t *testing.T) {
	for _, c := range []struct {
		line    string
		problem Problem
	}{
		{"1|1|unix|/tmp/p|grpc", ""},
		{"1|1|unix|/tmp/p|grpc|", ""},
		{"1|1|unix|/tmp/p|grpc||true", ""},
		{"1|1|unix|/tmp/p|grpc|MIIC", Certificate},
		{"1|1|unix|/tmp/p", Garbage},
		{"1|1|unix|/tmp/\x1bp|grpc", Garbage},
		{"2|1|unix|/tmp/p|grpc", CoreVersion},
		{"1|0|unix|/tmp/p|grpc", Version},
		{"1|x|unix|/tmp/p|grpc", Version},
		{"1|1|unix|/tmp/p|netrpc", NotGRPC},
	} {
		g, err := parseGreeting(c.line, []int{1})
		var h *HandshakeError
		if c.problem == "" {
			if want := (greeting{1, "unix", "/tmp/p"}); err != nil || g != want {
				t.Errorf("%q: %v, %v", c.line, g, err)
			}
			continue
		}
		if !errors.As(err, &h) || h.Problem != c.problem {
			t.Errorf("%q: %v, want %s", c.line, err, c.problem)
		}
	}
}

func FuzzReadGreeting(f *testing.F) {
	for _, s := range []string{"1|1|unix|/tmp/p|grpc\n", "", "\n", strings.Repeat("|", 9000), "1|1|tcp|1.2.3.4:1|grpc|" + strings.Repeat("A", 60)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		g, err := readGreeting(strings.NewReader(text), []int{1})
		if err != nil {
			var h *HandshakeError
			if !errors.As(err, &h) || strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Fatalf("%q: %q", text, err)
			}
			return
		}
		if g.major != 1 || !printable(g.network+g.address) || strings.Contains(g.address, "|") {
			t.Fatalf("%q was read as %v", text, g)
		}
	})
}
