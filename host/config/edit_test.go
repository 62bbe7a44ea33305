// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"
	"time"
)

const edited = `# ours
host { log_level = "info" } # loud

# the first
plugin "a" {
  source  = "acme/a" # from acme
  version = "~> 1.0" # old
}
`

// An edit changes its line and leaves comments and everything else alone.
func TestEdits(t *testing.T) {
	got, err := AppendPlugin("f", []byte(edited), NewPlugin{Name: "b", Source: "acme/b", Version: "~> 0.1", Registry: "far"})
	if want := edited + "\nplugin \"b\" {\n  source   = \"acme/b\"\n  registry = \"far\"\n  version  = \"~> 0.1\"\n}\n"; err != nil || string(got) != want {
		t.Errorf("append: %v\n%s", err, got)
	}
	got, ok, err := RemovePlugin("f", []byte(edited), "a")
	if err != nil || !ok || strings.Contains(string(got), "acme") || !strings.Contains(string(got), "# loud") {
		t.Errorf("remove: %v\n%s", err, got)
	}
	for _, name := range []string{"b", ""} {
		if same, ok, err := RemovePlugin("f", []byte(edited), name); ok || err != nil || string(same) != edited {
			t.Errorf("removed %q: %v\n%s", name, err, same)
		}
	}
	if got, err := AppendPlugin("f", nil, NewPlugin{Name: "b", Source: "acme/b", Prerelease: true}); err != nil || !strings.Contains(string(got), "prerelease = true") {
		t.Errorf("a pre-release: %v\n%s", err, got)
	}
	if got, err := AppendPlugin("f", nil, NewPlugin{Name: "b", Source: "acme/b"}); err != nil || string(got) != "plugin \"b\" {\n  source = \"acme/b\"\n}\n" {
		t.Errorf("into nothing: %v\n%s", err, got)
	}
	if _, err := AppendPlugin("f.hcl", []byte("plugin {"), NewPlugin{Name: "b"}); err == nil || !strings.Contains(err.Error(), "f.hcl") {
		t.Errorf("a broken file was changed: %v", err)
	}
}

// What is written is what is read.
func TestRegistriesAreWritten(t *testing.T) {
	list := []*Registry{
		{Name: "b", Address: "https://b.example", Root: Path{Absolute: "/etc/b.json"}, LogKey: logKey, Token: &SecretSource{Env: "TOKEN"}},
		{Name: "a", Address: "/srv/a", Root: Path{Absolute: "/etc/${a}.json"}, LogKey: logKey, OfflineGrace: 36 * time.Hour, CAFile: Path{Absolute: "/ca"}},
	}
	cfg := mustLoad(t, string(EncodeRegistries(list)))
	if len(cfg.Registries) != 2 {
		t.Fatalf("%d registries", len(cfg.Registries))
	}
	a, b := cfg.Registries[0], cfg.Registries[1]
	if a.Name != "a" || a.Root.Absolute != "/etc/${a}.json" || a.OfflineGrace != 36*time.Hour || a.CAFile.Absolute != "/ca" || a.Address != "/srv/a" {
		t.Errorf("a = %+v", a)
	}
	if b.Token == nil || b.Token.Env != "TOKEN" || b.LogKey != logKey || b.Address != "https://b.example" {
		t.Errorf("b = %+v", b)
	}
}
