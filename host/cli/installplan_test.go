// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/report"
)

// A pre-release asks for itself and what follows, since its minor does not.
func TestMinor(t *testing.T) {
	for version, want := range map[string]string{"1.2.3": "1.2", "0.2.0-rc.1": "0.2.0-rc.1"} {
		if got := minor(version); got != want {
			t.Errorf("minor(%q) = %q, want %q", version, got, want)
		}
	}
}

// A publisher's news push nothing else off the screen, and every line of them is
// marked as theirs.
func TestNewsAreBounded(t *testing.T) {
	var news strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&news, "+ nothing %d\n\n", i)
	}
	news.WriteString(strings.Repeat("x", 60000))
	var out bytes.Buffer
	writeNews(&out, report.Options{}, news.String())
	if lines := strings.Split(strings.TrimSpace(out.String()), "\n"); len(lines) != maxNews+1 || !strings.Contains(lines[maxNews], "993 lines more") {
		t.Errorf("%d lines, the last is %q", len(lines), lines[len(lines)-1])
	}
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "  new:") {
			t.Errorf("%q could be ours", line)
		}
	}
	out.Reset()
	if writeNews(&out, report.Options{}, strings.Repeat("x y ", 20000)); out.Len() > 2*maxNewsLine {
		t.Errorf("%d bytes of one line", out.Len())
	}
}
