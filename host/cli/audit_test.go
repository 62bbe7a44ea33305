// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/audit"
	"github.com/bulkhead-ml/bulkhead/host/report"
)

func TestAuditSince(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.Local)
	for text, want := range map[string]time.Time{
		"": {}, "24h": now.Add(-24 * time.Hour), "90m": now.Add(-90 * time.Minute), "7d": now.AddDate(0, 0, -7), "0d": now,
		"2026-01-31":           time.Date(2026, 1, 31, 0, 0, 0, 0, time.Local),
		"2026-01-31 15:04":     time.Date(2026, 1, 31, 15, 4, 0, 0, time.Local),
		"2026-01-31T15:04:05Z": time.Date(2026, 1, 31, 15, 4, 5, 0, time.UTC),
	} {
		if got, err := auditSince(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q is %v (%v), want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"yesterday", "-24h", "-7d", "7", "2026-13-01", "d", "99999999999d"} {
		_, err := auditSince(text, now)
		if f, ok := errors.AsType[*failure](err); !ok || f.code != ExitConfig || !strings.Contains(f.Error(), text) {
			t.Errorf("%q: error %v", text, err)
		}
	}
}

func TestWrapped(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		want []string
	}{
		{"", 5, []string{""}},
		{"one two three", 7, []string{"one two", "three"}},
		{"one twothreefour five", 7, []string{"one", "twothre", "efour", "five"}},
		{"größer größer", 6, []string{"größer", "größer"}},
		{strings.Repeat("x", 10), 5, []string{"xxxxx", "xxxxx"}},
	} {
		if got := wrapped(c.text, c.n); !slices.Equal(got, c.want) {
			t.Errorf("%q in %d: %q, want %q", c.text, c.n, got, c.want)
		}
	}
}

// TestVerdictText fits its columns and is harmless, whatever is in the log.
func TestVerdictText(t *testing.T) {
	v := &audit.Verdict{Dir: "/" + strings.Repeat("deep/", 30), Omitted: 7, Notes: []string{"\x1b[31mred"}}
	for i := range 3 {
		v.Problems = append(v.Problems, audit.Problem{
			File: "audit-000001.jsonl", Line: i, What: "a host found damage: " + strings.Repeat("\x1b]0;title\a", i) + strings.Repeat("x", 100*i), Reason: "because",
		})
	}
	var b bytes.Buffer
	if err := verdictOf(v).WriteText(&b, report.Options{Width: 60}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if len([]rune(line)) > 61 || strings.ContainsAny(line, "\x1b\a") {
			t.Errorf("line %q", line)
		}
	}
	for _, want := range []string{"damaged: 10 problems", "audit-000001.jsonl:2\n", "  audit-000001.jsonl\n", "likely: because", "and 7 more", "note: red"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestSpaced(t *testing.T) {
	if got := spaced([]byte(`{"a":[1,2],"b":"x y"}`)); got != `{ "a": [ 1, 2 ], "b": "x y" }` {
		t.Error(got)
	}
	if got := spaced([]byte(`{`)); got != "{" {
		t.Error(got)
	}
}

func TestAuditQuery(t *testing.T) {
	for _, k := range audit.Kinds() {
		if q, err := auditQuery("gpu", string(k), "", 5); err != nil || q != (audit.Query{Plugin: "gpu", Kind: k, Last: 5}) {
			t.Errorf("%s: %+v, %v", k, q, err)
		}
	}
	_, err := auditQuery("", "lunch", "", 5)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprint(audit.KindLaunch)) {
		t.Errorf("error %v", err)
	}
}
