// SPDX-License-Identifier: Apache-2.0

package installer

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/config"
)

const logKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"

func TestTrusted(t *testing.T) {
	ctx, trusted := context.Background(), Trusted{Dir: t.TempDir()}
	if list, err := trusted.List(ctx); err != nil || len(list) != 0 {
		t.Errorf("a new user trusts %v: %v", list, err)
	}
	near := config.Registry{Name: "near", Address: "https://near.example", LogKey: logKey}
	if err := trusted.Add(ctx, near, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	list, err := trusted.List(ctx)
	if err != nil || len(list) != 1 || list[0].Address != near.Address {
		t.Fatalf("%v, %v", list, err)
	}
	if root, err := os.ReadFile(list[0].Root.Absolute); err != nil || string(root) != "{}" {
		t.Errorf("root %q: %v", root, err)
	}
	if err := trusted.Add(ctx, near, []byte("other")); err == nil || !strings.Contains(err.Error(), "registry forget near") {
		t.Errorf("a second one of that name: %v", err)
	}
	if err := trusted.Forget(ctx, "far"); err == nil || !strings.Contains(err.Error(), "registry list") {
		t.Errorf("forgot what was not there: %v", err)
	}
	if err := trusted.Forget(ctx, "near"); err != nil {
		t.Error(err)
	}
	if list, err := trusted.List(ctx); err != nil || len(list) != 0 {
		t.Errorf("left %v: %v", list, err)
	}
}

// A file that somebody broke is told and not overwritten.
func TestBrokenTrusted(t *testing.T) {
	trusted := Trusted{Dir: t.TempDir()}
	if err := os.WriteFile(trusted.file(), []byte("registry {"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := trusted.Add(context.Background(), config.Registry{Name: "x", Address: "/x", LogKey: logKey}, nil)
	if err == nil || !strings.Contains(err.Error(), "registries.hcl") {
		t.Errorf("error %v", err)
	}
	if data, _ := os.ReadFile(trusted.file()); string(data) != "registry {" {
		t.Errorf("the file is now %q", data)
	}
}
