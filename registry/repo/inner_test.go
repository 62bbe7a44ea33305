// SPDX-License-Identifier: Apache-2.0

package repo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/keys"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// head is the beginning of a file: text at offsets.
func head(size int, parts map[int]string) []byte {
	b := make([]byte, size)
	for at, text := range parts {
		copy(b[at:], text)
	}
	return b
}

// TestBuilt: what a script brings of machine code binds it to a platform.
func TestBuilt(t *testing.T) {
	linux := head(64, map[int]string{0: "\x7fELF\x02\x01\x01\x00", 18: "\x3e\x00"})
	mac := head(64, map[int]string{0: "\xcf\xfa\xed\xfe\x0c\x00\x00\x01"})
	script := []byte("import bulkhead\n")
	python := &manifest.Runtime{Python: ">=3.10"}
	for what, tt := range map[string]struct {
		runtime   *manifest.Runtime
		files     map[string][]byte
		want, why string
	}{
		"a program":            {nil, map[string][]byte{"run": linux}, "linux_amd64", "executable is a program for linux_amd64"},
		"of no known platform": {nil, map[string][]byte{"run": script}, "", "does not tell"},
		"a script":             {python, map[string][]byte{"run": script}, "any", ""},
		"pure packages":        {python, map[string][]byte{"run": script, "site-packages/a/a.py": script, "site-packages/a/run.exe": linux}, "any", ""},
		"compiled packages":    {python, map[string][]byte{"run": script, "site-packages/a/libb.so.21": linux}, "linux_amd64", "site-packages/a/libb.so.21 is a library for linux_amd64"},
		"of two platforms":     {python, map[string][]byte{"run": script, "site-packages/a.so": linux, "site-packages/b.dylib": mac}, "", "darwin_arm64 and linux_amd64"},
		"not known":            {python, map[string][]byte{"run": script, "site-packages/a.pyd": script}, "", "site-packages/a.pyd does not tell"},
	} {
		dir := t.TempDir()
		for name, data := range tt.files {
			file := filepath.Join(dir, filepath.FromSlash(name))
			if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, data, 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		got, why, err := Built(dir, &manifest.Manifest{Executable: "run", Runtime: tt.runtime})
		if err != nil || got != tt.want || !strings.Contains(why, tt.why) {
			t.Errorf("%s: %q because %q, %v", what, got, why, err)
		}
	}
}

func TestPlatformOf(t *testing.T) {
	elf := func(ident string, machine string) []byte {
		return head(64, map[int]string{0: "\x7fELF" + ident, 18: machine})
	}
	pe := func(machine string) []byte {
		b := head(160, map[int]string{0: "MZ", 128: "PE\x00\x00" + machine})
		binary.LittleEndian.PutUint32(b[60:], 128)
		return b
	}
	for want, data := range map[string][]byte{
		"any":           []byte("#!/usr/bin/env python3\n"),
		"linux_amd64":   elf("\x02\x01\x01\x00", "\x3e\x00"),
		"linux_386":     elf("\x01\x01\x01\x03", "\x03\x00"),
		"linux_arm64":   elf("\x02\x01\x01\x00", "\xb7\x00"),
		"linux_s390x":   elf("\x02\x02\x01\x00", "\x00\x16"),
		"linux_ppc64":   elf("\x02\x02\x01\x00", "\x00\x15"),
		"linux_ppc64le": elf("\x02\x01\x01\x00", "\x15\x00"),
		"freebsd_amd64": elf("\x02\x01\x01\x09", "\x3e\x00"),
		"windows_amd64": pe("\x64\x86"),
		"windows_arm64": pe("\x64\xaa"),
		"darwin_arm64":  head(64, map[int]string{0: "\xcf\xfa\xed\xfe\x0c\x00\x00\x01"}),
		"darwin_amd64":  head(64, map[int]string{0: "\xcf\xfa\xed\xfe\x07\x00\x00\x01"}),
	} {
		name := filepath.Join(t.TempDir(), "run")
		if err := os.WriteFile(name, data, 0o755); err != nil {
			t.Fatal(err)
		}
		if got, err := platformOf(name); got != want || err != nil {
			t.Errorf("%q, %v, want %s", got, err, want)
		}
		if err := release.CheckPlatform(want); err != nil {
			t.Error(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := platformOf(self); got != runtime.GOOS+"_"+runtime.GOARCH || err != nil {
		t.Errorf("this program is for %q, %v", got, err)
	}
}

// FuzzPlatformOf: no executable makes the reader of its head fail badly.
func FuzzPlatformOf(f *testing.F) {
	f.Add([]byte("MZ"))
	f.Add([]byte("\x7fELF"))
	f.Add(head(64, map[int]string{0: "MZ", 60: "\xff\xff\xff\xff"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		got := platformOfHead(bytes.NewReader(data), data[:min(len(data), 64)])
		if got != "" && strings.Count(got, "_") != 1 && got != release.Any {
			t.Errorf("%q", got)
		}
	})
}

// TestExact: whoever copies a file learns at its end that it is another one.
func TestExact(t *testing.T) {
	sum := sha256.Sum256([]byte("content"))
	digest := "sha256:" + hex.EncodeToString(sum[:])
	for text, good := range map[string]bool{"content": true, "conten": false, "contents": false, "contenT": false, "": false} {
		_, err := io.Copy(io.Discard, newExact(strings.NewReader(text), 7, digest))
		var wrong *contentError
		if (err == nil) != good || err != nil && !errors.As(err, &wrong) {
			t.Errorf("%q: %v", text, err)
		}
	}
	endless := newExact(strings.NewReader(strings.Repeat("x", 1<<20)), 7, digest)
	if n, err := io.Copy(io.Discard, endless); err == nil || n > 64<<10 {
		t.Errorf("%d bytes were read of an endless file, %v", n, err)
	}
}

func TestExpiryIsInWholeSeconds(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("x", 3600))
	if at := expiryAt(now, time.Hour); at != time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) {
		t.Error(at)
	}
}

func TestPublicOfLogKey(t *testing.T) {
	k, err := keys.Generate("log")
	if err != nil {
		t.Fatal(err)
	}
	logKey, err := k.Public().NoteKey("plugins.example/x")
	if err != nil {
		t.Fatal(err)
	}
	if p, err := publicOf(logKey); err != nil || !p.Equal(k.Public()) {
		t.Error(p, err)
	}
	for _, bad := range []string{"", "a", "a+b", "a+b+AAAA", "a+b+!"} {
		if _, err := publicOf(bad); err == nil {
			t.Errorf("%q is a key", bad)
		}
	}
}

// TestMalformedMetadataAreErrors: what go-tuf panics on.
func TestMalformedMetadataAreErrors(t *testing.T) {
	for _, text := range []string{
		`{"signed":{"_type":"targets","targets":{"a":null}},"signatures":[]}`, `null`, `{}`, `[]`, ``,
	} {
		if m, err := parse[metadata.TargetsType]([]byte(text)); err == nil {
			t.Errorf("%q is %+v", text, m)
		}
	}
	root := metadata.Root()
	root.Signed.Keys["a"] = nil
	root.Signed.Roles["root"].KeyIDs = []string{"a"}
	if err := verifyBy(root, "root", root); err == nil || !strings.Contains(err.Error(), "malformed") {
		t.Error(err)
	}
}

// large is a source whose files have a size that it says, or does not.
type large struct{ says, has int64 }

func (l large) Open(context.Context, string, int64) (io.ReadCloser, files.Info, error) {
	return io.NopCloser(io.LimitReader(zeros{}, l.has)), files.Info{Size: l.says}, nil
}

func (large) String() string { return "large" }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestReadIsBounded(t *testing.T) {
	for _, c := range []struct {
		src  large
		good bool
	}{{large{10, 10}, true}, {large{-1, 10}, true}, {large{11, 11}, false}, {large{-1, 11}, false}, {large{10, 1 << 40}, false}} {
		data, err := read(context.Background(), c.src, "metadata/timestamp.json", 10)
		var tooLarge *files.TooLargeError
		if (err == nil) != c.good || c.good && len(data) != 10 || err != nil && !errors.As(err, &tooLarge) {
			t.Errorf("%+v: %d bytes, %v", c.src, len(data), err)
		}
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		versioned("root", 3): "metadata/3.root.json",
		targetName("plugins/acme/scaler/1.0.0/release.json", "ab"): "targets/plugins/acme/scaler/1.0.0/ab.release.json",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if err := files.CheckName(got); err != nil {
			t.Error(err)
		}
	}
	for role, want := range map[string]int64{"root": maxRoot, "timestamp": maxTimestamp, "snapshot": maxSnapshot, "targets": maxRole, "acme": maxRole} {
		if got := limitOf(role); got != want {
			t.Errorf("%s: %d, want %d", role, got, want)
		}
	}
}

// TestCustomHasOneMeaning: what one reader of JSON takes for the release, or for
// that it was yanked, is what every other one does.
func TestCustomHasOneMeaning(t *testing.T) {
	document, err := os.ReadFile(filepath.Join("..", "..", "testdata", "vectors", "release", "documents", "minimal.json"))
	if err != nil {
		t.Fatal(err)
	}
	document = bytes.TrimSpace(document)
	sum := sha256.Sum256(document)
	const yanked = `{"reason": "r", "at": "2026-01-01T00:00:00Z"}`
	for custom, fault := range map[string]string{
		`{"release": DOC}`:                                           "",
		`{"release": DOC, "yanked": ` + yanked + `}`:                 "",
		`{"release": {}, "release": DOC}`:                            "twice",
		`{"Release": DOC}`:                                           "unknown field",
		`{"release": DOC, "yanked": ` + yanked + `, "Yanked": null}`: "unknown field",
	} {
		raw := json.RawMessage(strings.ReplaceAll(custom, "DOC", string(document)))
		f := &metadata.TargetFiles{Length: int64(len(document)), Hashes: metadata.Hashes{"sha256": sum[:]}, Custom: &raw}
		if _, err := readCustom(f); (err == nil) != (fault == "") || err != nil && !strings.Contains(err.Error(), fault) {
			t.Errorf("%s: %v, want %q", custom, err, fault)
		}
	}
}

func TestKeysErrorSaysWhatToDo(t *testing.T) {
	for role, part := range map[string]string{
		metadata.TIMESTAMP: "registry rotate timestamp --key", metadata.TARGETS: "registry rotate targets --key",
		metadata.ROOT: "a new registry", "log": "registry rotate log --key", "acme": "0 are at hand",
	} {
		if text := (&KeysError{Role: role, Need: 1, Missing: []string{strings.Repeat("a", 64)}}).Error(); !strings.Contains(text, part) {
			t.Errorf("%s: %s", role, text)
		}
	}
}
