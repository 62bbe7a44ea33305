// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/crypto/scrypt"
)

// published is a key file with the seed 07 07 ... and the passphrase "correct
// horse". Every version of Bulkhead opens it.
const published = `{
  "bulkhead_key": 1,
  "name": "acme-2026",
  "public": "6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=",
  "kdf": {
    "scheme": "scrypt",
    "log_n": 14,
    "r": 8,
    "p": 1,
    "salt": "Ys8wJPn3epeSjUMPxer3zQ=="
  },
  "cipher": {
    "scheme": "xchacha20-poly1305",
    "nonce": "iYekMpf1fZgILslLp1UAyNRxQD9YNBHr"
  },
  "sealed": "ExW3H6djr1zw2G6FOOW7JIlTvg66q+0DP8u2mWDukQvM9jRcuE8ho+OHWjhnSa8C"
}
`

func publishedFile(t testing.TB) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "acme-2026.key")
	must(t, os.WriteFile(name, []byte(published), 0o600))
	return name
}

// TestPublishedKeyOpens: neither the format nor the ID of a key changes.
func TestPublishedKeyOpens(t *testing.T) {
	k, err := LoadFile(publishedFile(t), fixed("correct horse"))
	must(t, err)
	if !bytes.Equal(k.private.Seed(), bytes.Repeat([]byte{7}, ed25519.SeedSize)) {
		t.Error("another secret is in it")
	}
	const line = "bulkhead-key acme-2026 6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw="
	if k.Public().String() != line {
		t.Error(k.Public())
	}
	const id = "bfe1a83869e5bf574e3ff3acbb83f840de84a990d10059f3096f0bf4f2b90c10" // of {"keytype":"ed25519","keyval":{"public":HEX},"scheme":"ed25519"}
	if got := k.Public().ID(); got != id {
		t.Errorf("its ID is %s", got)
	}
}

// TestTheDocumentIsTheFormat opens a key file by what the package's documentation
// says, and with nothing of the package.
func TestTheDocumentIsTheFormat(t *testing.T) {
	d := cheap(t.TempDir(), "battery staple")
	k := generate(t, "acme-1")
	must(t, d.Save(k))
	data, err := os.ReadFile(d.file("acme-1"))
	must(t, err)
	var file struct {
		Name, Public, Sealed string
		KDF                  struct {
			N    int `json:"log_n"`
			R, P int
			Salt []byte
		}
		Cipher struct{ Nonce []byte }
	}
	must(t, json.Unmarshal(data, &file))
	derived, err := scrypt.Key([]byte("battery staple"), file.KDF.Salt, 1<<file.KDF.N, file.KDF.R, file.KDF.P, 32)
	must(t, err)
	aead, err := chacha20poly1305.NewX(derived)
	must(t, err)
	sealed, err := base64.StdEncoding.DecodeString(file.Sealed)
	must(t, err)
	bound := fmt.Sprintf("bulkhead-key %s %s\nscrypt %d %d %d\n", file.Name, file.Public, file.KDF.N, file.KDF.R, file.KDF.P)
	seed, err := aead.Open(nil, file.Cipher.Nonce, sealed, []byte(bound))
	must(t, err)
	if !ed25519.NewKeyFromSeed(seed).Equal(k.private) {
		t.Error("another key is in the file")
	}
}

// TestEachFileIsSealedAnew: the same key under the same passphrase shows nothing of
// that.
func TestEachFileIsSealedAnew(t *testing.T) {
	k := generate(t, "a")
	seen := map[string]bool{}
	for range 3 {
		data, err := seal(k, []byte("correct horse"), logNMin)
		must(t, err)
		e, err := parseEnvelope(data)
		must(t, err)
		for _, part := range [][]byte{e.Sealed, e.KDF.Salt, e.Cipher.Nonce} {
			if seen[string(part)] {
				t.Errorf("%s comes twice", hex.EncodeToString(part))
			}
			seen[string(part)] = true
		}
		if bytes.Contains(data, k.private.Seed()) || strings.Contains(string(data), base64.StdEncoding.EncodeToString(k.private.Seed())) {
			t.Error("the secret stands in the file")
		}
	}
}

// TestMountedKeys: where secrets are mounted a key is a link, and is never a pipe or
// a directory.
func TestMountedKeys(t *testing.T) {
	file := publishedFile(t)
	link := filepath.Join(t.TempDir(), "acme.key")
	if err := os.Symlink(file, link); err != nil {
		t.Skip("links cannot be made here:", err)
	}
	if p, err := ReadPublic(link); err != nil || p.Name != "acme-2026" {
		t.Error(p, err)
	}
	if err := saveFile(link, generate(t, "acme"), fixed("correct horse"), logNMin); !errors.Is(err, ErrExist) {
		t.Error("a link was written through:", err)
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != published {
		t.Error("what the link leads to was changed:", err)
	}
	dangling := filepath.Join(t.TempDir(), "b.key")
	must(t, os.Symlink(filepath.Join(t.TempDir(), "nothing"), dangling))
	if _, err := ReadPublic(dangling); !errors.Is(err, ErrNotExist) {
		t.Error(err)
	}
	if err := saveFile(dangling, generate(t, "b"), fixed("correct horse"), logNMin); !errors.Is(err, ErrExist) {
		t.Error("a dangling link was written through:", err)
	}
	if _, err := ReadPublic(t.TempDir()); err == nil {
		t.Error("a directory is a key")
	}
}

// TestSavedWholeOrNotAtAll: a passphrase that never comes leaves nothing behind.
func TestSavedWholeOrNotAtAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	hangUp := errors.New("nobody is at the terminal")
	for _, pass := range []Passphrase{nil, fixed(""), fixed("1234567"), func(string) ([]byte, error) { return nil, hangUp }} {
		d := &dir{path: path, pass: pass, logN: logNMin}
		if err := d.Save(generate(t, "a")); err == nil {
			t.Error("it was saved")
		}
		if left, err := os.ReadDir(path); len(left) != 0 || err != nil {
			t.Errorf("%v is left, %v", left, err)
		}
	}
	k := generate(t, "a")
	k.Wipe()
	if err := cheap(path, "correct horse").Save(k); err == nil || !strings.Contains(err.Error(), "wiped") {
		t.Error(err)
	}
	if left, err := os.ReadDir(path); len(left) != 0 || err != nil {
		t.Errorf("%v is left, %v", left, err)
	}
}
