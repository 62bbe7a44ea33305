// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/installer"
)

// The name of a trusted registry stands for all that is needed to reach it.
func TestNameOfATrustedRegistry(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("AppData", t.TempDir())
	t.Setenv("NEAR_TOKEN", "hunter2")
	dir, err := installer.TrustedDir()
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	r := config.Registry{
		Name: "near", Address: "oci://registry.example/plugins", CAFile: config.Path{Absolute: ca},
		LogKey: "reg.example.org+37c3f911+Aaga3BFcWBKA7zNbCu7wUaKVCUNP7u4rEDh+h06/BqnN", Token: &config.SecretSource{Env: "NEAR_TOKEN"},
	}
	if err := (installer.Trusted{Dir: dir}).Add(t.Context(), r, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	address, o, err := (&placeFlags{address: "near"}).resolve(t.Context())
	if err != nil || address != r.Address || o.CAFile != ca || o.Token != "hunter2" {
		t.Errorf("%q, %q, token %v, %v", address, o.CAFile, o.Token != "", err)
	}
	other := filepath.Join(t.TempDir(), "other.pem")
	if _, _, err := (&placeFlags{address: "near", caFile: other}).resolve(t.Context()); err == nil {
		t.Error("a CA file that is not there is taken")
	}
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, o, err = (&placeFlags{address: "near", caFile: other}).resolve(t.Context()); err != nil || o.CAFile != other {
		t.Errorf("the flag does not count: %q, %v", o.CAFile, err)
	}
	if address, o, err = (&placeFlags{address: "./elsewhere"}).resolve(t.Context()); err != nil || address != "./elsewhere" || o.Token != "" || o.CAFile != "" {
		t.Errorf("another registry: %q, %v", address, err)
	}
}
