// SPDX-License-Identifier: Apache-2.0

package plugin_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestWeight: a plugin that only checks does not carry Arrow, which would cost
// each of its starts a millisecond.
func TestWeight(t *testing.T) {
	for _, name := range []string{"plugin", "check", "fact"} {
		out, err := exec.Command("go", "list", "-deps", "github.com/bulkhead-ml/bulkhead/sdk/"+name).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, heavy := range []string{"arrow-go", "cpuid", "xxh3"} {
			if strings.Contains(string(out), heavy) {
				t.Errorf("sdk/%s depends on %s", name, strings.TrimSpace(heavy))
			}
		}
	}
}
