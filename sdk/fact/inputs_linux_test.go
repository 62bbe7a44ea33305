// SPDX-License-Identifier: Apache-2.0

package fact

import (
	"testing"
	"time"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// TestFilesWithoutTimes: what /proc holds counts, since its times say nothing.
func TestFilesWithoutTimes(t *testing.T) {
	live := &pluginv1.Target{Root: "/", Live: true}
	for _, tt := range []struct {
		name, input string
		look        func(*Target)
		same        bool
	}{
		{"what stays", "DIGEST /proc/version", func(t *Target) { t.ReadText("/proc/version") }, true},
		{"what changes", "DIGEST /proc/uptime", func(t *Target) { t.ReadText("/proc/uptime") }, false},
		{"names", "DIGEST /proc/sys/kernel", func(t *Target) { _, _ = t.ReadDir("/proc/sys/kernel") }, true},
		{"existence", "TYPE /proc/version", func(t *Target) { t.Exists("/proc/version") }, true},
		{"absence", "ABSENT /proc/bulkhead", func(t *Target) { t.Exists("/proc/bulkhead") }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ttl := inputsOf(t, live, time.Minute, func(target *Target, _ *Recorder) { tt.look(target) })
			if ttl == 0 || got[tt.input] == nil {
				t.Fatalf("kept for %v with inputs %v", ttl, got)
			}
			time.Sleep(20 * time.Millisecond) // /proc/uptime has hundredths
			if TargetFromProto(live).Unchanged(got[tt.input]) != tt.same {
				t.Errorf("the same: %v", !tt.same)
			}
		})
	}
	if _, ttl := inputsOf(t, live, time.Minute, func(t *Target, _ *Recorder) { open(t, "/proc/version") }); ttl != 0 {
		t.Error("facts are kept of a file whose reading leaves no trace")
	}
}
