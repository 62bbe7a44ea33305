// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/nvml"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
)

// TestThisMachine compares what is said about the machine of the test with
// what its kernel says.
func TestThisMachine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("files of Linux")
	}
	observed := plugintest.Observe(t, plugintest.ThisMachine(), Collectors(nvml.Read)...)
	set := fact.NewSet(observed)
	for _, f := range observed {
		t.Logf("%s = %s %s", f.Address, f.Value, f.Unknown)
	}
	_, err := os.Stat(moduleDir)
	if got := set.Bool(facts.Loaded); got != (err == nil) {
		t.Errorf("loaded is %v, and %s: %v", got, moduleDir, err)
	}
	if count, ok := set.Int(facts.Count); !ok || int(count) < nvidiaOnBus(t) {
		t.Errorf("count is %d, known %v; the bus has %d", count, ok, nvidiaOnBus(t))
	}
	if set.String(facts.NVMLStatus) == "" {
		t.Error("NVML's status is not told")
	}
}

// nvidiaOnBus counts NVIDIA's display controllers in another way.
func nvidiaOnBus(t *testing.T) int {
	t.Helper()
	vendors, err := filepath.Glob("/sys/bus/pci/devices/*/vendor")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range vendors {
		vendor, _ := os.ReadFile(name)
		class, _ := os.ReadFile(filepath.Join(filepath.Dir(name), "class"))
		if strings.HasPrefix(string(vendor), "0x10de") && strings.HasPrefix(string(class), "0x03") {
			n++
		}
	}
	return n
}
