// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"
)

// A name that a run would refuse must not pass validation.
func TestLabels(t *testing.T) {
	for name, want := range map[string]bool{
		"clean": true, "a-b_c9": true, strings.Repeat("k", 56): true,
		"": false, "9a": false, "_a": false, "a.b": false, "a b": false, "kl\u00e9": false, "k\u202e": false, strings.Repeat("k", 57): false,
	} {
		if validLabel().MatchString(name) != want {
			t.Errorf("%q: want %v", name, want)
		}
	}
}
