// SPDX-License-Identifier: Apache-2.0

package installer

import (
	"context"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

const policyText = `
accept "acme/*" {
  grants = ["read /data", "env HF_*", "net huggingface.co:443"]
}
accept "other/tool" {
  grants = ["write ./out"]
}
`

func grants(t *testing.T, texts ...string) (out []manifest.Grant) {
	t.Helper()
	for _, text := range texts {
		g, err := manifest.ParseGrant(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, g)
	}
	return out
}

// A policy allows what its grants hold, and nothing beside that.
func TestPolicy(t *testing.T) {
	policy, err := ParsePolicy("policy.hcl", []byte(policyText))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		id, grant string
		want      bool
	}{
		{"acme/x", "read /data", true},
		{"acme/x", "read /data/deep/er", true},
		{"acme/x", "read /database", false},
		{"acme/x", "write /data", false},
		{"acme/x", "env HF_HOME", true},
		{"acme/x", "env HF_*", true},
		{"acme/x", "env H*", false},
		{"acme/x", "net huggingface.co:443", true},
		{"acme/x", "net huggingface.co:80", false},
		{"acme/x", "write ./out", false},
		{"other/tool", "write ./out", true},
		{"other/tool", "read ./out", true},
		{"other/tools", "write ./out", false},
		{"acme/x/y", "read /data", false},
	} {
		if got := policy.allows(tt.id, grants(t, tt.grant)[0]); got != tt.want {
			t.Errorf("%s %s: %t, want %t", tt.id, tt.grant, got, tt.want)
		}
	}
}

func TestWrongPolicies(t *testing.T) {
	for text, want := range map[string]string{
		"accept {":                                       "p.hcl:1",
		"accept \"a/b\" {\n}":                            "p.hcl:1",
		"allow \"a/b\" {}":                               "p.hcl:1",
		"accept \"a\" {\n grants = []\n}":                "NAMESPACE/NAME",
		"accept \"a/[\" {\n grants = []\n}":              "NAMESPACE/NAME",
		"accept \"a/b\" {\n grants = [\"/data\"]\n}":     "write its kind",
		"accept \"a/b\" {\n grants = [\"read /etc\"]\n}": "whole system",
		strings.Repeat("#", maxPolicy+1):                 "more than",
	} {
		if _, err := ParsePolicy("p.hcl", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
}

func TestConsent(t *testing.T) {
	ctx := context.Background()
	policy, err := ParsePolicy("policy.hcl", []byte(policyText))
	if err != nil {
		t.Fatal(err)
	}
	change := Change{ID: "acme/x", To: "1.0.0", Asks: grants(t, "read /data/x", "write ./out")}
	plan := &Plan{Changes: []Change{{ID: "acme/quiet"}, change}}
	err = plan.Consent(ctx, policy, nil)
	if err == nil || strings.Contains(err.Error(), "/data/x") || !strings.Contains(err.Error(), "acme/x 1.0.0 asks for write ./out") || plan.consented {
		t.Errorf("policy: %v", err)
	}
	if err := plan.Consent(ctx, nil, nil); err == nil || !strings.Contains(err.Error(), "--accept-grants") || plan.consented {
		t.Errorf("nobody: %v", err)
	}
	asked := 0
	if err := plan.Consent(ctx, nil, func(_ context.Context, c []Change) error { asked = len(c); return nil }); err != nil || asked != 1 || !plan.consented {
		t.Errorf("a person: %v, asked of %d", err, asked)
	}
	quiet := &Plan{Changes: []Change{{ID: "acme/quiet"}}}
	if err := quiet.Consent(ctx, nil, nil); err != nil || !quiet.consented {
		t.Errorf("nothing to ask: %v", err)
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add([]byte(policyText))
	f.Add([]byte("accept \"*/*\" { grants = [\"read ${python}\"] }"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParsePolicy("p.hcl", text)
		if err != nil {
			return
		}
		p.allows("acme/x", manifest.Grant{Kind: manifest.Read, Path: "/etc/os-release"})
	})
}
