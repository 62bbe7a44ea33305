// SPDX-License-Identifier: Apache-2.0

package main

import (
	"syscall"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
)

// TestThisMachine compares the facts of the machine that runs the test with
// what system calls say.
func TestThisMachine(t *testing.T) {
	set := fact.NewSet(plugintest.Observe(t, plugintest.ThisMachine(), collectors()...))
	for _, f := range set.All() {
		t.Logf("%s = %s %s", f.Address, f.Value, f.Unknown)
	}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	// Go raises its own soft limit at start; the kernel's file shows that too.
	if l, ok := fact.Get[limit](set, "limits.nofile"); !ok || uint64(l.Hard) != files.Max {
		t.Errorf("limits.nofile = %+v, the system says %d", l, files.Max)
	}
	var info syscall.Sysinfo_t
	if err := syscall.Sysinfo(&info); err != nil {
		t.Fatal(err)
	}
	if total, ok := set.Int("memory.total_bytes"); !ok || uint64(total) != info.Totalram*uint64(info.Unit) {
		t.Errorf("memory.total_bytes = %d, the system says %d", total, info.Totalram)
	}
	for _, o := range check.Run(t.Context(), set, checks(), nil) {
		t.Log(o.Code, o.Status, o.Reason)
		for _, f := range o.Findings {
			t.Logf("  %s %s: %s", f.Severity, f.Subject, f.Detail)
		}
	}
}
