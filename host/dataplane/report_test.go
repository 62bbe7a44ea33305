// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

func TestDepth(t *testing.T) {
	for text, want := range map[string]int{
		`{}`: 1, `{"a":[1,[2]]}`: 3, `{"[[[":"]]{{\"{"}`: 1, ``: 0, `"[`: 0, `]]][`: 1,
	} {
		if got := depth([]byte(text)); got > want && got != want || got < 0 {
			t.Errorf("%s nests %d deep, want %d", text, got, want)
		}
	}
	if got := depth([]byte(strings.Repeat("[", 1<<20))); got != 1<<20 {
		t.Errorf("depth %d", got)
	}
}

func TestAbsentReports(t *testing.T) {
	for _, text := range []string{"", "null", " null\n"} {
		if got, err := checkReport([]byte(text), Limits{}.withDefaults()); err != nil || string(got) != "{}" {
			t.Errorf("%q gives %s, %v", text, got, err)
		}
	}
}

func TestMessagesWithoutASummaryGetOne(t *testing.T) {
	for _, wire := range []*pluginv1.Diagnostic{nil, {}, {Summary: " \n"}} {
		got := diagnostics([]*pluginv1.Diagnostic{wire}, Limits{}.withDefaults())
		if len(got) != 1 || got[0].Summary != "Message without a summary" || got[0].Severity != diag.Error {
			t.Errorf("%v gives %+v", wire, got)
		}
	}
}

// FuzzCheckReport checks that what passes is what was promised.
func FuzzCheckReport(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":[1,{"b":null}]}`, `[]`, `{"a":1e999}`, "{\"a\":\"\xff\"}", `{"a":1}{`, strings.Repeat(`{"a":`, 70)} {
		f.Add([]byte(s))
	}
	limits := Limits{ReportBytes: 1 << 10, ReportDepth: 8}.withDefaults()
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := checkReport(data, limits)
		if err != nil {
			return
		}
		var object map[string]any
		if json.Unmarshal(got, &object) != nil || object == nil || len(got) > limits.ReportBytes || !utf8.Valid(got) || depth(got) > limits.ReportDepth {
			t.Fatalf("%q passes as %q", data, got)
		}
		if again, err := checkReport(got, limits); err != nil || string(again) != string(got) {
			t.Fatalf("%q is not stable: %q, %v", got, again, err)
		}
	})
}
