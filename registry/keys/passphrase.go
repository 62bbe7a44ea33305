// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// MinPassphrase is the shortest passphrase of a new key, in bytes.
const MinPassphrase = 8

// Variables that give the passphrase where nobody is there to type it.
const (
	PassphraseVariable     = "BULKHEAD_KEY_PASSPHRASE"
	PassphraseFileVariable = "BULKHEAD_KEY_PASSPHRASE_FILE"
)

// ErrNoPassphrase: a key needs a passphrase, and there is no way to get it.
var ErrNoPassphrase = errors.New("no passphrase; run this in a terminal, or set " + PassphraseFileVariable + " to a file that holds it")

// Passphrase gives a passphrase; what says for which key. Its result is overwritten
// after use. When a key does not open it is asked again, at most three times and
// only as long as it gives another one.
type Passphrase func(what string) ([]byte, error)

func (p Passphrase) get(what string) ([]byte, error) {
	if p == nil {
		return nil, fmt.Errorf("%s: %w", what, ErrNoPassphrase)
	}
	return p(what)
}

// FromEnvironment gives the passphrase of PassphraseVariable, or else that in the
// file of PassphraseFileVariable, without the newline at its end, or else what
// otherwise gives, which may be nil.
func FromEnvironment(otherwise Passphrase) Passphrase {
	return func(what string) ([]byte, error) {
		if text := os.Getenv(PassphraseVariable); text != "" {
			return []byte(text), nil
		}
		if name := os.Getenv(PassphraseFileVariable); name != "" {
			return readPassphrase(name)
		}
		return otherwise.get(what)
	}
}

// readPassphrase reads a file, which may be a pipe: CI systems have such.
func readPassphrase(name string) ([]byte, error) {
	const most = 4 << 10
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", PassphraseFileVariable, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", PassphraseFileVariable, err)
	}
	trimmed := bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	if len(trimmed) == 0 || len(text) > most {
		return nil, fmt.Errorf("%s names %s, which has %d bytes; it must hold one passphrase", PassphraseFileVariable, name, len(text))
	}
	return trimmed, nil
}
