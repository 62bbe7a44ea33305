// SPDX-License-Identifier: Apache-2.0

package config

import (
	"path/filepath"
	"testing"
	"time"
)

const logKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"

func TestRegistries(t *testing.T) {
	cfg, diags, dir := load(t, map[string]string{"bulkhead.hcl": `
registry "far" {
  address       = "oci://registry.example/plugins"
  root          = "far.root.json"
  log_key       = "` + logKey + `"
  offline_grace = "72h"
  ca_file       = "ca.pem"
  token { env = "FAR_TOKEN" }
}
registry "near" {
  address = "./mirror"
  root    = "near.root.json"
  log_key = "` + logKey + `"
}
plugin "scaler" {
  source     = "acme/scaler"
  registry   = "far"
  version    = "~> 1.2"
  prerelease = true
}
plugin "mine" { source = "installed/mine" }
`}, LoadOptions{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	far, near := cfg.Registries[0], cfg.Registries[1]
	if far.Address != "oci://registry.example/plugins" || far.OfflineGrace != 72*time.Hour || far.LogKey != logKey || far.Token.Env != "FAR_TOKEN" ||
		far.Root.Absolute != filepath.Join(dir, "far.root.json") || far.CAFile.Absolute != filepath.Join(dir, "ca.pem") {
		t.Errorf("far = %+v", far)
	}
	if near.Address != filepath.Join(dir, "mirror") || near.OfflineGrace != 0 || near.Token != nil {
		t.Errorf("near = %+v", near)
	}
	p := cfg.Plugins[0]
	if p.ID != "acme/scaler" || p.Registry != "far" || !p.Prerelease || p.Version != "~> 1.2" || p.Executable.Absolute != "" {
		t.Errorf("plugin = %+v", p)
	}
	if mine := cfg.Plugins[1]; mine.ID != "" || mine.Registry != "" {
		t.Errorf("installed plugin = %+v", mine)
	}
}

// The only registry is meant; of the user's own a configuration knows nothing.
func TestRegistryOfAPlugin(t *testing.T) {
	block := "registry \"one\" {\n  address = \"https://one.example\"\n  root = \"r\"\n  log_key = \"" + logKey + "\"\n}\n"
	plugin := "plugin \"x\" {\n  source = \"acme/x\"\n}\n"
	if got := mustLoad(t, block+plugin).Plugins[0].Registry; got != "one" {
		t.Errorf("registry %q, want the only one", got)
	}
	if got := mustLoad(t, plugin).Plugins[0].Registry; got != "" {
		t.Errorf("registry %q of nobody", got)
	}
}
