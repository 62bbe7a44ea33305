// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
)

func init() { commands["release"] = cmdRelease }

// cmdRelease builds the example of a kernel as another version, in which the upper
// limit is one lower, with its manifest: release VERSION FILE
func cmdRelease(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "release VERSION FILE")
	const name = "examples/hello-kernel/main.go"
	source, err := os.ReadFile(filepath.Join(built.repo, name))
	ts.Check(err)
	lower := `min(max(v, c.Low), c.High-1)`
	if args[0] == "0.1.0" {
		lower = `min(max(v, c.Low), c.High)`
	}
	changed := strings.NewReplacer(`"0.1.0"`, `"`+args[0]+`"`, `min(max(v, c.Low), c.High)`, lower).Replace(string(source))
	dir := ts.MkAbs("release-" + args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	file := filepath.Join(dir, "main.go")
	ts.Check(os.WriteFile(file, []byte(changed), 0o644))
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(built.repo, name): file}})
	ts.Check(err)
	ts.Check(os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o644))
	cmd := exec.Command("go", "build", "-trimpath", "-overlay", filepath.Join(dir, "overlay.json"), "-o", ts.MkAbs(args[1]), "./examples/hello-kernel")
	cmd.Dir, cmd.Env = built.repo, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		ts.Fatalf("%v\n%s", err, out)
	}
	m, err := manifest.Parse([]byte(`{"name": "hello-kernel", "summary": "Limits numbers.", "licence": "Apache-2.0", "grants": []}`))
	ts.Check(err)
	m.Protocols = []int{handshake.ProtocolVersion}
	ts.Check(m.Stamp(ts.MkAbs(args[1]), args[0]))
	data, err := m.Encode()
	ts.Check(err)
	ts.Check(os.WriteFile(filepath.Join(filepath.Dir(ts.MkAbs(args[1])), manifest.FileName), data, 0o644))
}
