// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A registry that only the project declares is shown at a terminal before it is
// asked for anything, with what would be sent to it, and asked about once.
func TestStrangersRegistryIsShownFirst(t *testing.T) {
	build(t)
	dir := t.TempDir()
	env := []string{
		"HOME=" + dir, "TERM=xterm-256color", "LANG=C.UTF-8", "PATH=" + os.Getenv("PATH"),
		"BULKHEAD_KEY_PASSPHRASE=correct-horse-battery", "PRECIOUS=s3cret",
	}
	cmd := exec.Command(bulkhead(), "registry", "init", "reg", "--name", "plugins.example.org", "--json")
	cmd.Dir, cmd.Env = dir, env
	text, err := cmd.Output()
	var made struct {
		LogKey string `json:"log_key"`
	}
	if err == nil {
		err = json.Unmarshal(text, &made)
	}
	if err != nil || made.LogKey == "" {
		t.Fatalf("%v: %s", err, text)
	}
	config := fmt.Sprintf("registry \"theirs\" {\n  address = \"./reg\"\n  root = \"plugins.example.org.root.json\"\n  log_key = %q\n  token {\n    env = \"PRECIOUS\"\n  }\n}\n", made.LogKey)
	if err := os.WriteFile(filepath.Join(dir, "bulkhead.hcl"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	search := func(answer string) (string, int) {
		ours, theirs := terminal(t, 80)
		cmd := exec.Command(bulkhead(), "registry", "search", "--timeout", "60s")
		cmd.Dir, cmd.Env = dir, env
		cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_ = theirs.Close()
		if _, err := io.WriteString(ours, answer); err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(ours) // ends with an error when the program is gone
		_ = cmd.Wait()
		return string(text), cmd.ProcessState.ExitCode()
	}
	text1, code := search("n\n")
	for _, want := range []string{`the registry "theirs"`, filepath.Join(dir, "reg"), "sha256:", made.LogKey, "is sent", "the variable PRECIOUS", "Nothing was changed"} {
		if !strings.Contains(strings.Join(strings.Fields(text1), " "), want) {
			t.Errorf("no %q in %q", want, text1)
		}
	}
	if code != 2 || strings.Contains(text1, "s3cret") {
		t.Errorf("code %d: %q", code, text1)
	}
	if text, code := search("y\n"); code != 0 || !strings.Contains(text, "No plugin was found") {
		t.Errorf("code %d: %q", code, text)
	}
	if text, code := search("\n"); code != 0 || strings.Contains(text, "[y/N]") {
		t.Errorf("asked again, code %d: %q", code, text)
	}
}
