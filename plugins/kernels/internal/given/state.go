// SPDX-License-Identifier: Apache-2.0

package given

import (
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/state"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

// Told checks that a state says which kernel of which version made it.
func Told(t testing.TB, data []byte) {
	t.Helper()
	s, err := state.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if h := s.Header; h.Kernel == "" || h.Plugin != version.Version {
		t.Errorf("a state of kernel %q, plugin %q", h.Kernel, h.Plugin)
	}
}
