// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"golang.org/x/mod/sumdb/note"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func generate(t testing.TB, name string) *Key {
	t.Helper()
	k, err := Generate(name)
	must(t, err)
	return k
}

func TestNames(t *testing.T) {
	for name, good := range map[string]bool{
		"a": true, "acme-2026": true, "0.a_b": true, strings.Repeat("a", 63): true,
		"": false, "A": false, "-a": false, ".a": false, "a/b": false, "a b": false, "#index": false, "a\n": false, strings.Repeat("a", 64): false,
	} {
		if err := CheckName(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
		if _, err := Generate(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestPublicLine goes from a key to its line and back, and refuses other lines.
func TestPublicLine(t *testing.T) {
	k := generate(t, "acme")
	p, err := ParsePublic("  " + k.Public().String() + "\n")
	must(t, err)
	if !p.Equal(k.Public()) || p.Name != "acme" || p.ID() != k.Public().ID() || len(p.ID()) != 64 {
		t.Errorf("%v is not %v", p, k.Public())
	}
	key := base64.StdEncoding.EncodeToString(p.Key)
	for _, line := range []string{
		"", "acme " + key, "bulkhead-key acme", "bulkhead-key acme " + key + " more", "bulkhead-key  acme " + key,
		"bulkhead-key Acme " + key, "bulkhead-key acme " + key[:40], "bulkhead-key acme " + key + "AAAA",
		"bulkhead-key acme " + strings.Repeat("A", 300), "ssh-ed25519 acme " + key,
	} {
		if p, err := ParsePublic(line); err == nil {
			t.Errorf("%q is the key %v", line, p)
		}
	}
	if id := (Public{}).ID(); id != "" {
		t.Errorf("no key has the ID %s", id)
	}
}

// TestOneKeySignsMetadataAndNotes verifies what a key signed with go-tuf and with
// x/mod.
func TestOneKeySignsMetadataAndNotes(t *testing.T) {
	k := generate(t, "acme")
	tuf, err := k.Public().TUF()
	must(t, err)
	root := metadata.Root()
	for _, role := range metadata.TOP_LEVEL_ROLE_NAMES {
		must(t, root.Signed.AddKey(tuf, role))
	}
	s, err := k.Signer()
	must(t, err)
	_, err = root.Sign(s)
	must(t, err)
	must(t, root.VerifyDelegate(metadata.ROOT, root))
	if root.Signatures[0].KeyID != k.Public().ID() {
		t.Errorf("the signature is of %s, the key is %s", root.Signatures[0].KeyID, k.Public().ID())
	}

	ns, err := k.NoteSigner("registry.example")
	must(t, err)
	signed, err := note.Sign(&note.Note{Text: "a\n"}, ns)
	must(t, err)
	text, err := k.Public().NoteKey("registry.example")
	must(t, err)
	v, err := note.NewVerifier(text)
	must(t, err)
	if _, err := note.Open(signed, note.VerifierList(v)); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "a b", "a+b"} {
		if _, err := k.NoteSigner(bad); err == nil {
			t.Errorf("%q names a log", bad)
		}
	}
}

func TestAWipedKeyDoesNotSign(t *testing.T) {
	k := generate(t, "acme")
	private := k.private
	ns, err := k.NoteSigner("a")
	must(t, err)
	k.Wipe()
	if !private.Equal(ed25519.PrivateKey(make([]byte, ed25519.PrivateKeySize))) {
		t.Error("the secret is still there")
	}
	_, err1 := k.Sign([]byte("a"))
	_, err2 := k.Signer()
	_, err3 := ns.Sign([]byte("a"))
	_, err4 := seal(k, []byte("passphrase"), logNMin)
	for _, err := range []error{err1, err2, err3, err4, Keyring("x").Save(k)} {
		if err == nil || !strings.Contains(err.Error(), "wiped") {
			t.Error(err)
		}
	}
}

// TestPrintingShowsNoSecret prints a key in every way that there is.
func TestPrintingShowsNoSecret(t *testing.T) {
	k := generate(t, "acme")
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", k)
	texts := []string{log.String(), k.String(), k.GoString()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "%d"} {
		texts = append(texts, fmt.Sprintf(verb, k))
	}
	seed := k.private.Seed()
	for _, text := range texts {
		for _, secret := range []string{string(seed), fmt.Sprintf("%x", seed), fmt.Sprintf("%X", seed), base64.StdEncoding.EncodeToString(seed)[:40], fmt.Sprintf("%d", seed)} {
			if strings.Contains(text, secret) {
				t.Errorf("a secret is in %q", text)
			}
		}
		if !strings.Contains(text, "acme") {
			t.Errorf("%q does not say which key", text)
		}
	}
}

// TestFromSeed uses the first vector of RFC 8032, 7.1.
func TestFromSeed(t *testing.T) {
	seed, err := hex.DecodeString("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
	must(t, err)
	k, err := FromSeed("rfc8032", seed)
	must(t, err)
	signed, err := k.Sign(nil)
	must(t, err)
	if got := hex.EncodeToString(k.Public().Key); got != "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a" {
		t.Error(got)
	}
	if got := hex.EncodeToString(signed); got != "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b" {
		t.Error(got)
	}
	_, err1 := FromSeed("a", seed[:31])
	_, err2 := FromSeed("A", seed)
	if err1 == nil || err2 == nil {
		t.Error(err1, err2)
	}
}
