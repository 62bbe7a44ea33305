// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/crypto/scrypt"
)

// Versions and bounds of the envelope; the package's documentation gives them.
const (
	envelopeVersion = 1
	maxEnvelope     = 4 << 10
	saltSize        = 16
	logNMin         = 14
	logNDefault     = 17 // 128 MiB and some 0.4 s: the advice of OWASP
	logNMax         = 18
	scryptR         = 8
	scryptPMax      = 4
)

// ErrPassphrase: a key does not open with the passphrase, or its file was changed.
var ErrPassphrase = errors.New("the passphrase is wrong, or the key file was changed")

// envelope is a key file.
type envelope struct {
	Version int      `json:"bulkhead_key"`
	Name    string   `json:"name"`
	Public  []byte   `json:"public"`
	KDF     kdf      `json:"kdf"`
	Cipher  cipherOf `json:"cipher"`
	Sealed  []byte   `json:"sealed"`
}

type kdf struct {
	Scheme string `json:"scheme"`
	LogN   int    `json:"log_n"`
	R      int    `json:"r"`
	P      int    `json:"p"`
	Salt   []byte `json:"salt"`
}

type cipherOf struct {
	Scheme string `json:"scheme"`
	Nonce  []byte `json:"nonce"`
}

// parseEnvelope reads a key file and refuses whatever seal did not write.
func parseEnvelope(data []byte) (*envelope, error) {
	if len(data) > maxEnvelope {
		return nil, fmt.Errorf("a key file has at most %d bytes; this has %d", maxEnvelope, len(data))
	}
	var e envelope
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil {
		return nil, fmt.Errorf("this is no key file: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("this is no key file: something follows the JSON object")
	}
	return &e, e.check()
}

func (e *envelope) check() error {
	switch {
	case e.Version != envelopeVersion:
		return fmt.Errorf("the key file has version %d; this Bulkhead reads version %d, so upgrade it", e.Version, envelopeVersion)
	case len(e.Public) != ed25519.PublicKeySize:
		return fmt.Errorf("the public part has %d bytes, not %d", len(e.Public), ed25519.PublicKeySize)
	case e.Cipher.Scheme != "xchacha20-poly1305" || len(e.Cipher.Nonce) != chacha20poly1305.NonceSizeX:
		return fmt.Errorf("the cipher is %.40q with a nonce of %d bytes; want xchacha20-poly1305 with %d", e.Cipher.Scheme, len(e.Cipher.Nonce), chacha20poly1305.NonceSizeX)
	case len(e.Sealed) != ed25519.SeedSize+chacha20poly1305.Overhead:
		return fmt.Errorf("the sealed secret has %d bytes, not %d", len(e.Sealed), ed25519.SeedSize+chacha20poly1305.Overhead)
	}
	return errors.Join(CheckName(e.Name), e.KDF.check())
}

// check keeps a file from making its reader work without end.
func (k kdf) check() error {
	if k.Scheme != "scrypt" || k.LogN < logNMin || k.LogN > logNMax || k.R != scryptR || k.P < 1 || k.P > scryptPMax || len(k.Salt) != saltSize {
		return fmt.Errorf("the key derivation is %.40q with log_n %d, r %d, p %d and a salt of %d bytes; want scrypt with log_n %d to %d, r %d, p 1 to %d and %d bytes",
			k.Scheme, k.LogN, k.R, k.P, len(k.Salt), logNMin, logNMax, scryptR, scryptPMax, saltSize)
	}
	return nil
}

func (e *envelope) public() Public { return Public{Name: e.Name, Key: e.Public} }

// bound is what the cipher binds to the secret.
func (e *envelope) bound() []byte {
	return fmt.Appendf(nil, "%s\nscrypt %d %d %d\n", e.public(), e.KDF.LogN, e.KDF.R, e.KDF.P)
}

// do runs f with the cipher of the passphrase and forgets the cipher's key.
func (e *envelope) do(passphrase []byte, f func(seal func(plain []byte) []byte, open func() ([]byte, error)) error) error {
	derived, err := scrypt.Key(passphrase, e.KDF.Salt, 1<<e.KDF.LogN, e.KDF.R, e.KDF.P, chacha20poly1305.KeySize)
	if err != nil {
		return err
	}
	defer clear(derived)
	aead, err := chacha20poly1305.NewX(derived)
	if err != nil {
		return err
	}
	return f(
		func(plain []byte) []byte { return aead.Seal(nil, e.Cipher.Nonce, plain, e.bound()) },
		func() ([]byte, error) { return aead.Open(nil, e.Cipher.Nonce, e.Sealed, e.bound()) },
	)
}

// seal makes the key file of a key.
func seal(k *Key, passphrase []byte, logN int) ([]byte, error) {
	if k.private == nil {
		return nil, fmt.Errorf("the key %s was wiped; load it again", k.public.Name)
	}
	e := &envelope{
		Version: envelopeVersion, Name: k.public.Name, Public: k.public.Key,
		KDF:    kdf{Scheme: "scrypt", LogN: logN, R: scryptR, P: 1, Salt: random(saltSize)},
		Cipher: cipherOf{Scheme: "xchacha20-poly1305", Nonce: random(chacha20poly1305.NonceSizeX)},
	}
	err := e.do(passphrase, func(seal func([]byte) []byte, _ func() ([]byte, error)) error {
		seed := k.private.Seed()
		defer clear(seed)
		e.Sealed = seal(seed)
		return nil
	})
	if err != nil {
		return nil, err
	}
	data, err := json.MarshalIndent(e, "", "  ")
	return append(data, '\n'), err
}

// random never fails: crypto/rand ends the process instead.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// open gives the key of the file back.
func (e *envelope) open(passphrase []byte) (k *Key, err error) {
	err = e.do(passphrase, func(_ func([]byte) []byte, open func() ([]byte, error)) error {
		seed, err := open()
		if err != nil {
			return ErrPassphrase
		}
		defer clear(seed)
		k, err = fromSeed(e.public(), seed)
		return err
	})
	return k, err
}
