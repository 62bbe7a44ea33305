// SPDX-License-Identifier: Apache-2.0

package secret_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/secret"
)

// secrets makes a directory of secrets and points the environment at it.
func secrets(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, value := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv(secret.EnvDir, dir)
	return dir
}

func TestGetReturnsTheBytesOfTheFile(t *testing.T) {
	want := map[string]string{
		"hf_token": "hf_abc", "with.dots-and_more": "line\nline\n", "empty": "", "binary": "\x00\xff\xfe",
		"longest": strings.Repeat("x", secret.MaxBytes),
	}
	secrets(t, want)
	for name, value := range want {
		if got, err := secret.Get(name); err != nil || got != value {
			t.Errorf("Get(%q) = %.20q, %v, want %.20q", name, got, err, value)
		}
	}
}

func TestGetNamesTheGrant(t *testing.T) {
	secrets(t, nil)
	_, err := secret.Get("hf_token")
	if !errors.Is(err, secret.ErrNotGranted) {
		t.Fatalf("error %v is not ErrNotGranted", err)
	}
	if want := `grant needed: {"kind": "secret", "name": "hf_token"}`; !strings.Contains(err.Error(), want) {
		t.Errorf("error %q does not say %q", err, want)
	}
	if typed, ok := errors.AsType[*secret.NotGrantedError](err); !ok || typed.Name != "hf_token" {
		t.Errorf("error %v does not carry the name", err)
	}
}

func TestGetNeverLooksIntoTheEnvironment(t *testing.T) {
	t.Setenv(secret.EnvDir, "")
	t.Setenv("hf_token", "from the environment")
	t.Setenv("HF_TOKEN", "from the environment")
	if got, err := secret.Get("hf_token"); !errors.Is(err, secret.ErrNotGranted) || got != "" {
		t.Errorf("Get = %q, %v; want ErrNotGranted", got, err)
	}
}

func TestNamesThatLeadElsewhereAreRefused(t *testing.T) {
	dir := secrets(t, map[string]string{"ok": "v"})
	if err := os.WriteFile(filepath.Join(filepath.Dir(dir), "outside"), []byte("v"), 0o600); err != nil {
		t.Fatal(err)
	}
	names := []string{"", ".", "..", "../outside", "/etc/passwd", "a/b", `a\b`, ".hidden", "a b", "a\x00", "ümlaut", "C:x", strings.Repeat("a", secret.MaxName+1)}
	for _, name := range names {
		if _, err := secret.Get(name); err == nil || errors.Is(err, secret.ErrNotGranted) {
			t.Errorf("Get(%q): error %v, want one about the name", name, err)
		}
		if secret.CheckName(name) == nil {
			t.Errorf("CheckName(%q) accepts it", name)
		}
	}
}

func TestOnlyRegularFilesInsideTheDirectoryAreRead(t *testing.T) {
	dir := secrets(t, map[string]string{"large": strings.Repeat("x", secret.MaxBytes+1)})
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("v"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	names := []string{"large", "dir"}
	if runtime.GOOS != "windows" { // where making a link needs a privilege
		if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
		names = append(names, "link")
	}
	for _, name := range names {
		if got, err := secret.Get(name); err == nil {
			t.Errorf("Get(%q) = %.20q, want an error", name, got)
		} else if !strings.Contains(err.Error(), name) {
			t.Errorf("Get(%q): error %q does not name it", name, err)
		}
	}
}
