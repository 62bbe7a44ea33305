// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"regexp"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/audit"
	"github.com/bulkhead-ml/bulkhead/host/dataplane"
)

func TestCalled(t *testing.T) {
	got := called("5c7be21fa0b3d9e4", "full", dataplane.Record{
		Node: "kernel.clean", Plugin: "data", Kernel: "prepare", Method: "Fit", ConfigDigest: "sha256:c", Wall: 1500 * time.Microsecond,
		Account: dataplane.Account{RowsIn: 569, RowsOut: 512, InputDigest: "sha256:i", OutputDigest: "sha256:o"}, Outcome: "ok",
	})
	want := audit.Call{
		Run: "5c7be21fa0b3d9e4", Level: "full", Kernel: "kernel.clean/data.prepare", Method: "Fit", ConfigDigest: "sha256:c",
		InputDigest: "sha256:i", OutputDigest: "sha256:o", RowsIn: 569, RowsOut: 512, DurationMS: 1.5, Outcome: "ok",
	}
	if got != want {
		t.Errorf("record %+v, want %+v", got, want)
	}
}

func TestRunIDs(t *testing.T) {
	form, seen := regexp.MustCompile(`^[0-9a-f]{16}$`), map[string]bool{}
	for range 1000 {
		id := newRunID()
		if !form.MatchString(id) || seen[id] {
			t.Fatalf("run id %q", id)
		}
		seen[id] = true
	}
}
