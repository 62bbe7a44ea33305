// SPDX-License-Identifier: Apache-2.0

package solve

import "testing"

func TestSatisfies(t *testing.T) {
	for _, tt := range []struct {
		want    Want
		version string
		ok      bool
	}{
		{Want{}, "1.2.3", true},
		{Want{Constraint: "~> 1.2"}, "1.9.0", true},
		{Want{Constraint: "~> 1.2"}, "2.0.0", false},
		{Want{Constraint: "~> 1.2", Pin: "1.3.0"}, "1.3.0", true},
		{Want{Constraint: "~> 1.2", Pin: "1.3.0"}, "1.4.0", false},
		{Want{Constraint: "~> 1.2"}, "1.3.0-rc.1", false},
		{Want{Constraint: "~> 1.2", Prerelease: true}, "1.3.0-rc.1", true},
		{Want{Constraint: "one"}, "1.3.0", false},
	} {
		tt.want.ID = "acme/x"
		if got := Satisfies(tt.want, tt.version); got != tt.ok {
			t.Errorf("%+v, %s: %t", tt.want, tt.version, got)
		}
	}
}
