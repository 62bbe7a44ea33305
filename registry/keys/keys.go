// SPDX-License-Identifier: Apache-2.0

// Package keys makes, keeps and uses the keys that sign a registry: those of its
// roles, of its log and of its publishers.
//
// Every key is an Ed25519 key (RFC 8032). One key signs TUF metadata (Key.Signer)
// and the notes of a log (Key.NoteSigner); a key should do one of the two only.
//
// # The public part
//
// A public key is one line of text, which is how people hand it to each other:
//
//	bulkhead-key NAME BASE64
//
// NAME is what its owner calls it, and says nothing about whose it is. BASE64 is
// the 32 bytes of the key in standard base64 with padding. The ID of a key is
// that of the TUF specification: the SHA-256 of the canonical JSON of the key's
// object, in hex.
//
// # A key in a file
//
// A key file is one JSON object of at most 4 KiB:
//
//	{
//	  "bulkhead_key": 1,
//	  "name": "acme-2026",
//	  "public": BASE64,
//	  "kdf": {"scheme": "scrypt", "log_n": 17, "r": 8, "p": 1, "salt": BASE64},
//	  "cipher": {"scheme": "xchacha20-poly1305", "nonce": BASE64},
//	  "sealed": BASE64
//	}
//
// The key of the cipher is the scrypt (RFC 7914) of the passphrase with a salt of
// 16 bytes; "sealed" is the seed of 32 bytes under it and a nonce of 24 bytes.
// The associated data are the line of the public key and the parameters,
//
//	bulkhead-key NAME BASE64 LF scrypt LOG_N R P LF
//
// so that none of them can be changed without the passphrase. Reading accepts
// log_n from 14 to 18, r = 8 and p from 1 to 4: a file cannot make its reader
// spend more than 256 MiB. Name and public part are readable without the
// passphrase. The file is readable by its owner only, and is written whole or not
// at all.
//
// # A key in the keyring of the system
//
// Keyring keeps keys where the system keeps passwords: the Secret Service on
// Linux, the Keychain on macOS, the Credential Manager on Windows.
//
// # What is not promised
//
// Key.Wipe and the stores overwrite the secrets that they hold. Go's runtime may
// have moved a copy elsewhere before that.
package keys

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/subtle"
	"fmt"

	"github.com/sigstore/sigstore/pkg/signature"
	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

var namePattern = pattern.Lazy(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// CheckName says what is wrong with the name of a key: it has 1 to 63 of the
// characters a-z 0-9 . _ - and begins with a letter or a digit.
func CheckName(name string) error {
	if !namePattern().MatchString(name) {
		return fmt.Errorf("%.80q is no name of a key; use 1 to 63 of the characters a-z 0-9 . _ -, a letter or a digit first", name)
	}
	return nil
}

// Key is a whole key, with its secret. No way of printing shows the secret.
type Key struct {
	public  Public
	private ed25519.PrivateKey
}

// Generate makes a new key from the system's random numbers.
func Generate(name string) (*Key, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the key %s: %w", name, err)
	}
	return &Key{public: Public{Name: name, Key: public}, private: private}, nil
}

// FromSeed makes the key of a seed of 32 bytes (RFC 8032, 5.1.5): one that another
// program generated. The caller overwrites the seed.
func FromSeed(name string, seed []byte) (*Key, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("the seed of the key %s has %d bytes, not %d", name, len(seed), ed25519.SeedSize)
	}
	private := ed25519.NewKeyFromSeed(seed)
	return &Key{public: Public{Name: name, Key: private.Public().(ed25519.PublicKey)}, private: private}, nil
}

// fromSeed makes the key that a store kept and checks that it is the one that the
// store calls it.
func fromSeed(public Public, seed []byte) (*Key, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("the secret of the key %s has %d bytes, not %d; restore the key from its backup", public.Name, len(seed), ed25519.SeedSize)
	}
	private := ed25519.NewKeyFromSeed(seed)
	k := &Key{public: public, private: private}
	if subtle.ConstantTimeCompare(private[ed25519.SeedSize:], public.Key) != 1 {
		k.Wipe()
		return nil, fmt.Errorf("the secret of the key %s does not belong to its public part; restore the key from its backup", public.Name)
	}
	return k, nil
}

// Public is the part that everybody may know.
func (k *Key) Public() Public { return k.public }

// Wipe overwrites the secret. The key cannot sign any more.
func (k *Key) Wipe() {
	clear(k.private)
	k.private = nil
}

// Sign signs a message (Ed25519, not pre-hashed).
func (k *Key) Sign(message []byte) ([]byte, error) {
	if k.private == nil {
		return nil, fmt.Errorf("the key %s was wiped; load it again", k.public.Name)
	}
	return ed25519.Sign(k.private, message), nil
}

// Signer signs TUF metadata, as go-tuf wants it.
func (k *Key) Signer() (signature.Signer, error) {
	if k.private == nil {
		return nil, fmt.Errorf("the key %s was wiped; load it again", k.public.Name)
	}
	return signature.LoadED25519Signer(k.private)
}

// NoteSigner signs notes under a name, which is that of the log or the registry.
func (k *Key) NoteSigner(name string) (note.Signer, error) {
	v, err := k.public.NoteVerifier(name)
	if err != nil {
		return nil, err
	}
	return &noteSigner{Verifier: v, key: k}, nil
}

type noteSigner struct {
	note.Verifier
	key *Key
}

// Sign signs the text of a note.
func (s *noteSigner) Sign(message []byte) ([]byte, error) { return s.key.Sign(message) }

// String is the line of the public part.
func (k *Key) String() string { return k.public.String() }

// GoString is the line of the public part, too.
func (k *Key) GoString() string { return k.public.String() }

// Format prints the public part, whatever the verb.
func (k *Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.public.String())) }
