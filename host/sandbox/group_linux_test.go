// SPDX-License-Identifier: Apache-2.0

package sandbox

import "testing"

// TestGroup: a program leads a group of its own, which the host kills. It leads a
// session only where it could open the terminal of the host's.
func TestGroup(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Spec)
		want   string
	}{
		"full":    {func(*Spec) {}, "ok group true session false"},
		"devices": {func(s *Spec) { s.Binds = []Bind{{Source: "/dev/zero", Access: Device}} }, "ok group true session true"},
		"weak":    {func(s *Spec) { s.Ceiling, s.Floor = Weak, Weak }, "ok group true session true"},
		"none":    {func(s *Spec) { s.Ceiling, s.Floor = None, None }, "ok group true session true"},
	} {
		s, r := look(t, "leads:", tt.change)
		if got := s.Results["leads:"]; got != tt.want {
			t.Errorf("%s: %q at level %v, want %q", name, got, r.Level, tt.want)
		}
	}
}
