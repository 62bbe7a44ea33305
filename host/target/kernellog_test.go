// SPDX-License-Identifier: Apache-2.0

package target

import (
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

func TestKernelLogNeedsItsGrant(t *testing.T) {
	m := &Machine{Root: t.TempDir(), KernelLog: "NVRM: Xid\n"}
	log := m.Expand([]manifest.Grant{{Kind: manifest.Read, Path: manifest.KernelLog}})
	if len(log.Binds) != 0 || log.Given[0].Absent() {
		t.Errorf("the device was given: %+v", log)
	}
	if got := m.Message("/", View{}); got.KernelLog != "" || !strings.Contains(got.KernelLogUnknown, "no grant") {
		t.Errorf("without the grant: %q, %q", got.KernelLog, got.KernelLogUnknown)
	}
	if got := m.Message("/", log); got.KernelLog != "NVRM: Xid\n" || got.KernelLogUnknown != "" {
		t.Errorf("with the grant: %q, %q", got.KernelLog, got.KernelLogUnknown)
	}
	m.KernelLog = ""
	if got := m.Message("/", log); !strings.Contains(got.KernelLogUnknown, "no kernel log") {
		t.Errorf("nothing recorded: %q", got.KernelLogUnknown)
	}
}

func TestKernelLogIsBounded(t *testing.T) {
	line := strings.Repeat("x", 99) + "\n"
	m := &Machine{Root: t.TempDir(), KernelLog: strings.Repeat(line, fact.MaxKernelLog/50) + "last \xff\n"}
	got := m.Message("/", View{KernelLog: true}).KernelLog
	if len(got) > fact.MaxKernelLog+2 || !strings.HasPrefix(got, line) || !strings.HasSuffix(got, "last \ufffd\n") {
		t.Errorf("%d bytes, ends in %q", len(got), got[len(got)-10:])
	}
}

func TestRecordedFacts(t *testing.T) {
	rec, err := parseRecording([]byte(`{"facts": {"gpu.nvml.status": "ok", "gpu.count": 2}}`))
	if err != nil {
		t.Fatal(err)
	}
	got := rec.facts()
	if len(got) != 2 || got[0].Address != "gpu.count" || string(got[1].Value) != `"ok"` || got[1].Evidence[0].Path != "/"+MachineFile {
		t.Errorf("facts %+v", got)
	}
}
