// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"strings"
	"testing"
)

func TestParseExpect(t *testing.T) {
	for text, want := range map[string]string{
		`{"distribution": "arch", "healthy": true}`: "",
		`{"distribution": "arch", "healthy": true, "findings": [{"code": "a.b", "severity": "info", "any": ["x"]}]}`: "",
		`{"distribution": "arch", "root_cause": "a.b", "findings": [{"code": "a.b", "words": ["x"]}]}`:               "",
		`{"healthy": true}`: "distribution is missing",
		`{"distribution": "arch", "healthy": true, "root_cause": "a.b"}`:                           "a healthy machine",
		`{"distribution": "arch", "healthy": true, "findings": [{"code": "a.b", "words": ["x"]}]}`: "a healthy machine",
		`{"distribution": "arch"}`: "say \"healthy\": true",
		`{"distribution": "arch", "findings": [{"code": "a.b", "severity": "unknown", "words": ["x"]}]}`:                  "say \"healthy\": true",
		`{"distribution": "arch", "root_cause": "a.c", "findings": [{"code": "a.b", "words": ["x"]}]}`:                    "none of the expected findings",
		`{"distribution": "arch", "root_cause": "ab", "findings": [{"code": "ab", "words": ["x"]}]}`:                      "is not a code",
		`{"distribution": "arch", "root_cause": "a.b", "findings": [{"code": "a.b"}]}`:                                    "no words",
		`{"distribution": "arch", "root_cause": "a.b", "findings": [{"code": "a.b", "words": ["x"], "severity": "bad"}]}`: "severity",
		`{"distribution": "arch", "root_cause": "a.b", "findings": [{"code": "a.b", "words": ["x"], "subject": "[a"}]}`:   "syntax error",
		`{"distribution": "arch", "healthy": true, "extra": 1}`:                                                           "unknown field",
		`{"distribution": "arch", "healthy": true} {}`:                                                                    "text after",
		`[]`: "cannot unmarshal",
	} {
		_, _, err := parseExpect([]byte(text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestWords(t *testing.T) {
	f := Finding{Words: []string{"Driver", "470"}, Any: []string{"too old", "outdated"}}
	for text, want := range map[string]bool{
		"the DRIVER 470.1 is Too Old": true, "outdated driver 470": true, "driver 470": false, "470 is too old": false, "": false,
	} {
		if got := f.in(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestAllowed(t *testing.T) {
	e := Expect{Allow: []string{"gpu.xid", "torch.*"}}
	for code, want := range map[string]bool{"gpu.xid": true, "gpu.xid-2": false, "torch.abi-mismatch": true, "torch": false, "torchvision.x": false} {
		if got := e.allowed(code); got != want {
			t.Errorf("%s: %v", code, got)
		}
	}
}

// Whatever expect.json holds, it is refused or it can be judged by.
func FuzzExpect(f *testing.F) {
	f.Add([]byte(`{"distribution": "x", "root_cause": "a.b", "findings": [{"code": "a.b", "words": ["y"]}]}`))
	f.Add([]byte(`{"distribution": "x", "healthy": true, "allow": ["*", ".*", ""]}`))
	f.Add([]byte(`{"distribution": "x", "healthy"`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, offset, err := parseExpect(data)
		if offset < 0 || offset > int64(len(data)) {
			t.Fatalf("offset %d of %d", offset, len(data))
		}
		if err != nil {
			return
		}
		m := &Machine{Expect: e}
		for _, a := range []answer{{}, {text: string(data)}, {said: &document{}}, {failure: "x"}} {
			r := judge(m, a)
			if len(r.Missed) > r.Expected || e.Healthy != (r.RootCause == nil) {
				t.Fatalf("%+v", r)
			}
		}
	})
}
