// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/plugin"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// Package config knows the names of levels without knowing the sandbox: the two
// lists are one, in one order.
func TestLevelsOfConfigurationAndSandbox(t *testing.T) {
	if !slices.Equal(config.SandboxLevels, sandbox.LevelNames()) {
		t.Errorf("config has %q, sandbox has %q", config.SandboxLevels, sandbox.LevelNames())
	}
	for i, name := range config.SandboxLevels[1:] {
		level, err := sandbox.ParseLevel(name)
		stronger, _ := sandbox.ParseLevel(config.SandboxLevels[i])
		if err != nil || level >= stronger || !config.Weaker(name, config.SandboxLevels[i]) {
			t.Errorf("%s and %s, %v", config.SandboxLevels[i], name, err)
		}
	}
	for _, level := range sandbox.Levels() {
		if !slices.Contains(config.SandboxLevels, level.String()) {
			t.Errorf("%s cannot be required", level)
		}
	}
}

// sandboxSchema is the description of the sandbox block.
func sandboxSchema(t *testing.T) config.BlockSchema {
	t.Helper()
	for _, b := range config.HostSchema() {
		if b.Type == "sandbox" {
			return b
		}
	}
	t.Fatal("no sandbox block")
	return config.BlockSchema{}
}

// What the reference says about defaults is what the packages do.
func TestDescribedDefaults(t *testing.T) {
	schema := sandboxSchema(t)
	systems := map[string]string{"linux": " on Linux", "darwin": " on macOS", "windows": " on Windows"}
	if want := sandbox.DefaultFloor.String() + systems[runtime.GOOS]; !strings.Contains(schema.Attributes[0].Description, want) {
		t.Errorf("%q does not say %q", schema.Attributes[0].Description, want)
	}
	want := map[string]uint64{
		"message": plugin.DefaultMessageBytes, "log_bytes": plugin.DefaultLogBytes, "log_rate": plugin.DefaultLogRate,
	}
	for _, a := range schema.Blocks[0].Attributes {
		bytes, ok := want[a.Name]
		if !ok {
			continue
		}
		delete(want, a.Name)
		unit := fmt.Sprintf("%dKiB", bytes>>10)
		if bytes >= 1<<20 {
			unit = fmt.Sprintf("%dMiB", bytes>>20)
		}
		if !strings.Contains(a.Description, unit+" unless set") {
			t.Errorf("%s: %q does not say %s", a.Name, a.Description, unit)
		}
	}
	if len(want) > 0 {
		t.Errorf("limits that the schema lacks: %v", want)
	}
}
