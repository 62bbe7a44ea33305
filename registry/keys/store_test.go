// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/zalando/go-keyring"
)

func fixed(text string) Passphrase {
	return func(string) ([]byte, error) { return []byte(text), nil }
}

// cheap is a directory of keys whose passphrases cost little to try.
func cheap(path, passphrase string) *dir {
	return &dir{path: path, pass: fixed(passphrase), logN: logNMin}
}

// stores runs a test on every kind of store, each with room of its own.
func stores(t *testing.T, test func(t *testing.T, s Store)) {
	t.Run("directory", func(t *testing.T) { test(t, cheap(filepath.Join(t.TempDir(), "keys"), "correct horse")) })
	t.Run("keyring", func(t *testing.T) {
		keyring.MockInit()
		test(t, Keyring(KeyringService))
	})
}

func TestStores(t *testing.T) {
	stores(t, func(t *testing.T, s Store) {
		if list, err := s.List(); len(list) != 0 || err != nil {
			t.Error(list, err)
		}
		if _, err := s.Load("b"); !errors.Is(err, ErrNotExist) {
			t.Error(err)
		}
		b, a := generate(t, "b"), generate(t, "a")
		must(t, s.Save(b))
		must(t, s.Save(a))
		if err := s.Save(generate(t, "a")); !errors.Is(err, ErrExist) {
			t.Error("a key was overwritten:", err)
		}
		list, err := s.List()
		must(t, err)
		if len(list) != 2 || !list[0].Equal(a.Public()) || list[1].String() != b.Public().String() {
			t.Error(list)
		}
		got, err := s.Load("a")
		must(t, err)
		if !got.private.Equal(a.private) {
			t.Error("another key came back")
		}
		if _, err := s.Load("../a"); err == nil || errors.Is(err, ErrNotExist) {
			t.Error("a path is a name:", err)
		}
	})
}

func TestAKeyFileIsForItsOwner(t *testing.T) {
	d := cheap(filepath.Join(t.TempDir(), "keys"), "correct horse")
	must(t, d.Save(generate(t, "a")))
	entries, err := os.ReadDir(d.path)
	must(t, err)
	if len(entries) != 1 || entries[0].Name() != "a.key" {
		t.Error(entries)
	}
	if info, err := os.Stat(d.file("a")); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
}

// TestOnlyThePassphraseOpens tries wrong passphrases and changed files.
func TestOnlyThePassphraseOpens(t *testing.T) {
	d := cheap(t.TempDir(), "correct horse")
	k := generate(t, "a")
	must(t, d.Save(k))
	if _, err := LoadFile(d.file("a"), fixed("correct hors")); !errors.Is(err, ErrPassphrase) {
		t.Error(err)
	}
	if _, err := LoadFile(d.file("a"), nil); !errors.Is(err, ErrNoPassphrase) {
		t.Error(err)
	}
	for what, change := range map[string]func(e *envelope){
		"name":   func(e *envelope) { e.Name = "b" },
		"public": func(e *envelope) { e.Public[0] ^= 1 },
		"salt":   func(e *envelope) { e.KDF.Salt[0] ^= 1 },
		"nonce":  func(e *envelope) { e.Cipher.Nonce[0] ^= 1 },
		"sealed": func(e *envelope) { e.Sealed[3] ^= 1 },
		"work":   func(e *envelope) { e.KDF.P = 2 },
	} {
		e, err := readEnvelope(d.file("a"))
		must(t, err)
		change(e)
		if _, err := e.open([]byte("correct horse")); !errors.Is(err, ErrPassphrase) {
			t.Errorf("%s changed: %v", what, err)
		}
	}
	if p, err := ReadPublic(d.file("a")); err != nil || !p.Equal(k.Public()) {
		t.Error(p, err)
	}
	if err := cheap(t.TempDir(), "short").Save(k); err == nil {
		t.Error("a short passphrase is taken")
	}
}

// TestAPassphraseIsTriedAgain asks somebody who mistypes, and one who does not
// know it.
func TestAPassphraseIsTriedAgain(t *testing.T) {
	d := cheap(t.TempDir(), "correct horse")
	must(t, d.Save(generate(t, "a")))
	for _, c := range []struct {
		typed []string
		opens bool
		asked int
	}{
		{[]string{"wrong", "correct horse"}, true, 2},
		{[]string{"wrong", "wrong", "correct horse"}, false, 2},
		{[]string{"one", "two", "three", "correct horse"}, false, 3},
	} {
		asked := 0
		_, err := LoadFile(d.file("a"), func(string) ([]byte, error) { asked++; return []byte(c.typed[asked-1]), nil })
		if (err == nil) != c.opens || asked != c.asked || err != nil && !errors.Is(err, ErrPassphrase) {
			t.Errorf("%q: asked %d times, %v", c.typed, asked, err)
		}
	}
}

// TestListSaysWhatItCannotRead keeps the good keys of a directory and names the
// bad file.
func TestListSaysWhatItCannotRead(t *testing.T) {
	d := cheap(t.TempDir(), "correct horse")
	must(t, d.Save(generate(t, "a")))
	must(t, os.Rename(d.file("a"), d.file("z")))
	must(t, d.Save(generate(t, "b")))
	must(t, os.WriteFile(d.file("c"), []byte("{}"), 0o600))
	must(t, os.WriteFile(filepath.Join(d.path, "note.txt"), []byte("{}"), 0o600))
	list, err := d.List()
	if len(list) != 1 || list[0].Name != "b" {
		t.Error(list)
	}
	if err == nil || !strings.Contains(err.Error(), "c.key") || !strings.Contains(err.Error(), "rename the file to a.key") || strings.Contains(err.Error(), "note.txt") {
		t.Error(err)
	}
}

func TestEnvelopesAreBounded(t *testing.T) {
	data, err := seal(generate(t, "a"), []byte("passphrase"), logNMin)
	must(t, err)
	change := func(path string, value any) []byte {
		var doc map[string]any
		must(t, json.Unmarshal(data, &doc))
		at := doc
		outer, inner, found := strings.Cut(path, ".")
		if found {
			at = doc[outer].(map[string]any)
			outer = inner
		}
		at[outer] = value
		out, err := json.Marshal(doc)
		must(t, err)
		return out
	}
	bad := map[string][]byte{
		"empty": nil, "no JSON": []byte("x"), "two objects": append(bytes.Clone(data), data...), "large": append(bytes.Clone(data), make([]byte, maxEnvelope)...),
	}
	for path, value := range map[string]any{
		"bulkhead_key": 2, "name": "../a", "public": "AAAA", "unknown": 1, "sealed": "", "kdf.scheme": "argon2", "kdf.log_n": 31, "kdf.r": 1 << 20,
		"kdf.p": 1000, "kdf.salt": "AA==", "cipher.scheme": "none", "cipher.nonce": "",
	} {
		bad[path] = change(path, value)
	}
	bad["log_n 0"] = change("kdf.log_n", 0)
	for what, data := range bad {
		if _, err := parseEnvelope(data); err == nil {
			t.Errorf("%s: it is read", what)
		}
	}
	if _, err := parseEnvelope(change("kdf.log_n", logNMax)); err != nil {
		t.Error(err)
	}
}

func TestPassphrases(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p")
	must(t, os.WriteFile(file, []byte("from a file \r\n"), 0o600))
	t.Setenv(PassphraseVariable, "")
	t.Setenv(PassphraseFileVariable, "")
	ask := FromEnvironment(fixed("typed"))
	want := func(text string) {
		t.Helper()
		if got, err := ask.get("x"); string(got) != text || err != nil {
			t.Errorf("%q, %v, want %q", got, err, text)
		}
	}
	want("typed")
	t.Setenv(PassphraseFileVariable, file)
	want("from a file ")
	t.Setenv(PassphraseVariable, "from a variable")
	want("from a variable")
	t.Setenv(PassphraseVariable, "")
	for _, content := range []string{"", "\n", strings.Repeat("a", 5000)} {
		must(t, os.WriteFile(file, []byte(content), 0o600))
		if _, err := ask.get("x"); err == nil || !strings.Contains(err.Error(), file) {
			t.Error(err)
		}
	}
	t.Setenv(PassphraseFileVariable, file+"-none")
	if _, err := ask.get("x"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	t.Setenv(PassphraseFileVariable, "")
	if _, err := FromEnvironment(nil).get("x"); !errors.Is(err, ErrNoPassphrase) {
		t.Error(err)
	}
}

// TestWithoutAKeyring says what to do where none runs.
func TestWithoutAKeyring(t *testing.T) {
	keyring.MockInitWithError(errors.New("dbus: no such bus"))
	s := Keyring(KeyringService)
	_, listed := s.List()
	_, loaded := s.Load("a")
	for _, err := range []error{listed, loaded, s.Save(generate(t, "a"))} {
		if !errors.Is(err, ErrNoKeyring) || !strings.Contains(err.Error(), "file") {
			t.Error(err)
		}
	}
}

// TestDamagedEntriesOfAKeyring shows no secret in its errors.
func TestDamagedEntriesOfAKeyring(t *testing.T) {
	keyring.MockInit()
	s := Keyring(KeyringService)
	k, other := generate(t, "a"), generate(t, "a")
	must(t, s.Save(other))
	entry, err := keyring.Get(KeyringService, "a")
	must(t, err)
	_, secret, _ := strings.Cut(entry, "\n")
	for _, bad := range []string{"", secret, k.Public().String(), k.Public().String() + "\n" + secret, k.Public().String() + "\n" + secret[:20], other.Public().String() + "\n" + secret + "!"} {
		must(t, keyring.Set(KeyringService, "a", bad))
		_, err := s.Load("a")
		if err == nil || strings.Contains(err.Error(), secret[:20]) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestChain(t *testing.T) {
	asked := 0
	d := cheap(t.TempDir(), "")
	d.pass = func(string) ([]byte, error) { asked++; return []byte("correct horse"), nil }
	held, inDir, inFile := generate(t, "held"), generate(t, "dir"), generate(t, "file")
	must(t, d.Save(inDir))
	file := filepath.Join(t.TempDir(), "f.key")
	must(t, saveFile(file, inFile, fixed("another one"), logNMin))

	c := NewChain(held)
	c.AddStore(d)
	if p, err := c.AddFile(file, fixed("another one")); err != nil || !p.Equal(inFile.Public()) {
		t.Error(p, err)
	}
	asked = 0
	var got []*Key
	for range 2 {
		for _, k := range []*Key{held, inDir, inFile} {
			found, err := c.Find(k.Public().ID())
			must(t, err)
			if !found.Public().Equal(k.Public()) {
				t.Errorf("%v is not %v", found, k)
			}
			got = append(got, found)
		}
	}
	if asked != 1 {
		t.Errorf("the passphrase was asked for %d times", asked)
	}
	if _, err := c.Find(generate(t, "none").Public().ID()); !errors.Is(err, ErrNotExist) || !strings.Contains(err.Error(), file) {
		t.Error(err)
	}
	c.Close()
	for _, k := range got {
		if k.private != nil {
			t.Error("a key is not wiped")
		}
	}
	if _, err := c.AddFile(file+"-none", nil); !errors.Is(err, ErrNotExist) {
		t.Error(err)
	}
}

// FuzzEnvelope: no key file makes its reader fail badly or work for long, and what
// is read can be written and read again.
func FuzzEnvelope(f *testing.F) {
	data, err := seal(generate(f, "a"), []byte("passphrase"), logNMin)
	must(f, err)
	f.Add(data)
	f.Add([]byte(`{"bulkhead_key":1,"kdf":{"scheme":"scrypt","log_n":62,"r":8,"p":1}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := parseEnvelope(data)
		if err != nil {
			return
		}
		if e.KDF.LogN > logNMax || e.KDF.R != scryptR || e.KDF.P > scryptPMax {
			t.Fatal(fmt.Sprint(e.KDF))
		}
		again, err := json.Marshal(e)
		must(t, err)
		if _, err := parseEnvelope(again); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzParsePublic: what is read is written as the same line.
func FuzzParsePublic(f *testing.F) {
	f.Add(generate(f, "a").Public().String())
	f.Add("bulkhead-key a b")
	f.Fuzz(func(t *testing.T, line string) {
		if p, err := ParsePublic(line); err == nil && p.String() != strings.TrimSpace(line) {
			t.Errorf("%q became %q", line, p)
		}
	})
}
