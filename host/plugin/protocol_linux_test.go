// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// A host speaks two majors side by side; the newest in common is taken.
func TestProtocols(t *testing.T) {
	for _, c := range []struct {
		kind   string
		majors []int
		want   int
	}{
		{"good", nil, 1}, {"good", []int{1, 2}, 1}, {"both", []int{1, 2}, 2}, {"both", []int{1}, 1}, {"newest", []int{7, 1}, 7},
	} {
		p, _ := start(t, c.kind, func(s *Spec, _ *Options) { s.Protocols = c.majors })
		if got := p.Protocol(); got != c.want {
			t.Errorf("%s, host %v: protocol %d, want %d", c.kind, c.majors, got, c.want)
		}
		if got, err := call(p, "echo:x"); err != nil || got != "x" {
			t.Errorf("%q, %v", got, err)
		}
	}
}

// A plugin of another age is told apart from a broken one, with what to do.
func TestUnknownProtocol(t *testing.T) {
	for _, c := range []struct {
		kind   string
		majors []int
		want   string
	}{
		{"newest", []int{2, 1}, "the plugin speaks protocol 7, the host 2 and 1; upgrade bulkhead, or install an older version of the plugin"},
		{"good", []int{3, 2}, "the plugin speaks protocol 1, the host 3 and 2; install a newer version of the plugin"},
	} {
		spec, options, _ := fixture(t, c.kind)
		spec.Protocols = c.majors
		_, err := Launch(context.Background(), spec, options)
		var h *HandshakeError
		if !errors.As(err, &h) || h.Problem != Version || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v", err)
		}
	}
}
