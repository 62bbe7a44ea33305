// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdReplace changes a text in a file, which must have it: replace OLD NEW FILE.
func cmdReplace(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "replace OLD NEW FILE")
	name := ts.MkAbs(args[2])
	text, err := os.ReadFile(name)
	ts.Check(err)
	if !strings.Contains(string(text), args[0]) {
		ts.Fatalf("%s has no %q", args[2], args[0])
	}
	ts.Check(os.WriteFile(name, []byte(strings.ReplaceAll(string(text), args[0], args[1])), 0o644))
}

// cmdTamper changes the last byte of files that nobody is meant to write to:
// tamper PATTERN.
func cmdTamper(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "tamper PATTERN")
	found, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(found) == 0 {
		ts.Fatalf("nothing matches %s", args[0])
	}
	for _, name := range found {
		ts.Check(os.Chmod(filepath.Dir(name), 0o755))
		ts.Check(os.Chmod(name, 0o755))
		data, err := os.ReadFile(name)
		ts.Check(err)
		data[len(data)-1]++
		ts.Check(os.WriteFile(name, data, 0o755))
	}
}

// cmdLogKey sets LOGKEY to the key of the log that `registry init --json` printed.
func cmdLogKey(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 0, "logkey")
	var out struct {
		LogKey string `json:"log_key"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &out))
	ts.Setenv("LOGKEY", out.LogKey)
}
