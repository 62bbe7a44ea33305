// SPDX-License-Identifier: Apache-2.0

package target

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// The test program tells its own limit when it is started to do so.
func TestMain(m *testing.M) {
	if os.Getenv("BULKHEAD_TELL_LIMIT") != "" {
		_, _ = os.Stdout.WriteString(strconv.FormatInt(openFiles(), 10))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestOpenFilesIsWhatTheShellSet(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", `ulimit -Sn 200 && exec "$0"`, self)
	cmd.Env = append(os.Environ(), "BULKHEAD_TELL_LIMIT=1")
	out, err := cmd.Output()
	if err != nil {
		t.Skip(err)
	}
	if got := strings.TrimSpace(string(out)); got != "200" {
		t.Errorf("the limit at the start was 200, told %s", got)
	}
}
