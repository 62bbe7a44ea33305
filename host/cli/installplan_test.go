// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/installer"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
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

// However many grants a plugin asks for, those with which it can do more than look
// stand last, and the sum of all of them after these.
func TestConsentEndsWithWhatMatters(t *testing.T) {
	c := installer.Change{Kind: installer.Install, ID: "acme/x", To: "1.0.0", Why: "1.1.0 is newer\n0.9.0 is locked"}
	c.Asks = append(c.Asks, manifest.Grant{Kind: manifest.Write, Path: "/var/cache/x", Why: "w"})
	for n := range 300 {
		c.Asks = append(c.Asks, manifest.Grant{Kind: manifest.Read, Path: fmt.Sprintf("/opt/x/%d", n), Why: "w"})
	}
	var out bytes.Buffer
	writeChange(&out, report.Options{}, c)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	end := strings.Join(lines[len(lines)-4:], "\n")
	if want := "  It asks for 301 grants (1 write, 300 read), 1 of which lets it do more than\n    look."; !strings.HasSuffix(end, want) || !strings.Contains(end, "+ write /var/cache/x") {
		t.Error(end)
	}
	if lines[1] != "    1.1.0 is newer" || lines[2] != "    0.9.0 is locked" {
		t.Errorf("%q", lines[:3])
	}
}

// Who said no is told so, and not what was on the screen a moment ago.
func TestRefusalIsBrief(t *testing.T) {
	no := &failure{code: ExitErrors, summary: "Grants were not consented to"}
	if err := refused(fmt.Errorf("asking: %w", no)); err.Error() != no.Error() {
		t.Error(err)
	}
}
