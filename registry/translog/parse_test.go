// SPDX-License-Identifier: Apache-2.0

package translog

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

func newFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "checkpoint")
	must(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

// resign changes the text of a store's checkpoint and signs it.
func resign(t *testing.T, m *memory, change func(string) string, signer note.Signer) {
	t.Helper()
	text, _, _ := bytes.Cut(m.data[CheckpointName], []byte("\n\n"))
	m.data[CheckpointName] = signed(t, change(string(text)+"\n"), signer)
}

func signed(t testing.TB, text string, signer note.Signer) []byte {
	t.Helper()
	data, err := note.Sign(&note.Note{Text: text}, signer)
	must(t, err)
	return data
}

const rootText = "Vxv2uqYT5cOAMZWlwnO3SmqFMWFxcUDhNUtu3ZxCRKY="

func TestParseCheckpoint(t *testing.T) {
	signer, key := pair(t, "a.example", 1)
	_, other := pair(t, "a.example", 2)
	for _, c := range []struct{ name, text, want string }{
		{"right", "a.example\n3\n" + rootText + "\n", ""},
		{"of another log", "b.example\n3\n" + rootText + "\n", "log \"b.example\""},
		{"more lines", "a.example\n3\n" + rootText + "\nmore\n", "three lines"},
		{"fewer lines", "a.example\n3\n", "three lines"},
		{"a plus", "a.example\n+3\n" + rootText + "\n", "plain decimal"},
		{"a zero", "a.example\n03\n" + rootText + "\n", "plain decimal"},
		{"negative", "a.example\n-3\n" + rootText + "\n", "plain decimal"},
		{"beyond 64 bits", "a.example\n99999999999999999999\n" + rootText + "\n", "plain decimal"},
		{"too many", "a.example\n1099511627777\n" + rootText + "\n", "more than"},
		{"a short hash", "a.example\n3\nAAAA\n", "base64 of 32 bytes"},
		{"base64 with another spelling", "a.example\n3\n" + strings.Replace(rootText, "Y=", "Z=", 1) + "\n", "base64 of 32 bytes"},
	} {
		got, err := ParseCheckpoint(signed(t, c.text, signer), key)
		if c.want == "" {
			if err != nil || got.Size != 3 || got.Root.String() != rootText {
				t.Errorf("%s: %v, %v", c.name, got, err)
			}
			continue
		}
		contains(t, err, c.want)
	}
	good := signed(t, "a.example\n3\n"+rootText+"\n", signer)
	_, err := ParseCheckpoint(good, other)
	contains(t, err, "no signature of the log's key")
	_, err = ParseCheckpoint(bytes.Replace(good, []byte("\n3\n"), []byte("\n4\n"), 1), key)
	contains(t, err, "invalid signature")
	_, err = ParseCheckpoint([]byte("a.example\n3\n"+rootText+"\n\n"), key)
	contains(t, err, "malformed note")
}

func TestParseRecord(t *testing.T) {
	good := string(record(t, 1))
	if !strings.HasPrefix(good, "bulkhead release 1\nacme/scaler 1.1.0\nrelease sha256:") {
		t.Fatal(good)
	}
	e, err := ParseRecord([]byte(good))
	must(t, err)
	if again, err := e.Encode(); err != nil || string(again) != good {
		t.Errorf("%q: %v", again, err)
	}
	lines := strings.SplitAfter(good, "\n")
	for _, c := range []struct{ name, text, want string }{
		{"no newline", strings.TrimSuffix(good, "\n"), "end with a newline"},
		{"a newer version", strings.Replace(good, "release 1\n", "release 2\n", 1), "a newer Bulkhead"},
		{"no platform", strings.Join(lines[:3], ""), "one platform"},
		{"no digest", strings.Replace(good, "release sha256", "sha256", 1), "\"release\""},
		{"platforms in another order", strings.Join(append(append([]string{}, lines[:3]...), lines[4], lines[3]), ""), "order of names"},
		{"a platform twice", good + lines[3], "order of names"},
		{"two spaces", strings.Replace(good, " h1:", "  h1:", 1), "two digests"},
		{"traversal", strings.Replace(good, "acme/scaler", "../scaler", 1), "namespace"},
		{"a version that is none", strings.Replace(good, "1.1.0", "1.1", 1), "version"},
		{"too long", good + strings.Repeat("x", MaxRecord), "at most"},
	} {
		_, err := ParseRecord([]byte(c.text))
		if err == nil {
			t.Errorf("%s: no error", c.name)
		}
		contains(t, err, c.want)
	}
}

func FuzzCheckpoint(f *testing.F) {
	signer, key := pair(f, "a.example", 1)
	f.Add("a.example\n3\n" + rootText + "\n")
	f.Add("a.example\n0\n\n")
	f.Add("\n\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = ParseCheckpoint([]byte(text), key) // it must not panic
		data, err := note.Sign(&note.Note{Text: text}, signer)
		if err != nil {
			return
		}
		c, err := ParseCheckpoint(data, key)
		if err != nil {
			return
		}
		if again := fmt.Sprintf("a.example\n%d\n%s\n", c.Size, c.Root); again != text {
			t.Errorf("%q and %q are one checkpoint", text, again)
		}
	})
}

func FuzzLookup(f *testing.F) {
	for _, s := range []string{"0\n", "12\n", "01\n", "1", "-1\n", "9999999999999999999\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := parseLookup(data)
		if err == nil && (n < 0 || n >= MaxRecords || string(data) != fmt.Sprintf("%d\n", n)) {
			t.Errorf("%q is %d", data, n)
		}
	})
}

func FuzzRecord(f *testing.F) {
	f.Add(record(f, 1))
	f.Add([]byte("bulkhead release 1\na/b 1.0.0\nrelease x\nany h1: sha256:\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := ParseRecord(data)
		if err != nil {
			return
		}
		if again, err := e.Encode(); err != nil || !bytes.Equal(again, data) {
			t.Errorf("%q becomes %q: %v", data, again, err)
		}
		if split, err := splitData(1, joinData([][]byte{data})); err != nil || !bytes.Equal(split[0], data) {
			t.Errorf("%q is not one record of a tile: %v", data, err)
		}
	})
}
