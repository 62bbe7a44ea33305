// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"golang.org/x/mod/sumdb/note"
)

// publicWord begins the line of a public key.
const publicWord = "bulkhead-key"

// maxLine is enough for every line of a public key, in bytes.
const maxLine = 256

// Public is the public part of a key.
type Public struct {
	Name string // what its owner calls it
	Key  ed25519.PublicKey
}

// ParsePublic reads the line of a public key. Spaces around it do not count.
func ParsePublic(line string) (Public, error) {
	if len(line) > maxLine {
		return Public{}, fmt.Errorf("a public key is one line of at most %d bytes; this has %d", maxLine, len(line))
	}
	fields := strings.Fields(line)
	if len(fields) != 3 || fields[0] != publicWord || strings.TrimSpace(line) != strings.Join(fields, " ") {
		return Public{}, fmt.Errorf("%.80q is no public key; it must read `%s NAME BASE64`, as `bulkhead registry keys show` prints it", line, publicWord)
	}
	if err := CheckName(fields[1]); err != nil {
		return Public{}, err
	}
	key, err := decodePublic(fields[2])
	return Public{Name: fields[1], Key: key}, err
}

func decodePublic(text string) (ed25519.PublicKey, error) {
	key, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%.80q is no Ed25519 key: want the base64 of %d bytes", text, ed25519.PublicKeySize)
	}
	return key, nil
}

// String is the line of the key, without a newline.
func (p Public) String() string {
	return publicWord + " " + p.Name + " " + base64.StdEncoding.EncodeToString(p.Key)
}

// TUF is the key as an object of TUF metadata.
func (p Public) TUF() (*metadata.Key, error) { return metadata.KeyFromPublicKey(p.Key) }

// ID is the name of the key in TUF metadata: 64 hex digits. It is empty for a
// Public that holds no key.
func (p Public) ID() string {
	k, err := p.TUF()
	if err != nil || len(p.Key) != ed25519.PublicKeySize {
		return ""
	}
	id, err := k.ID()
	if err != nil {
		return ""
	}
	return id
}

// Equal reports whether both are the same key, whatever they are called.
func (p Public) Equal(q Public) bool { return p.Key.Equal(q.Key) }

// NoteVerifier verifies the notes that the key signed under a name.
func (p Public) NoteVerifier(name string) (note.Verifier, error) {
	text, err := p.NoteKey(name)
	if err != nil {
		return nil, err
	}
	return note.NewVerifier(text)
}

// NoteKey is the key as golang.org/x/mod/sumdb/note writes it: NAME+HASH+KEY. This
// is the text that users of a registry put into their configuration.
func (p Public) NoteKey(name string) (string, error) {
	text, err := note.NewEd25519VerifierKey(name, p.Key)
	if err != nil {
		return "", fmt.Errorf("the key %s cannot sign notes as %q: %w", p.Name, name, err)
	}
	if _, err := note.NewVerifier(text); err != nil {
		return "", fmt.Errorf("%q cannot name a log: use no space and no +", name)
	}
	return text, nil
}
