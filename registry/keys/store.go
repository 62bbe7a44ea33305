// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
)

// Suffix ends the names of key files in a directory of keys.
const Suffix = ".key"

// ErrNotExist is in the error of a key that a store does not have.
var ErrNotExist = fs.ErrNotExist

// ErrExist is in the error of Save when the store has a key of that name.
var ErrExist = fs.ErrExist

// Store keeps keys by name.
type Store interface {
	// Save keeps a new key; ErrExist when there is one of that name.
	Save(*Key) error
	// Load gives a key back, with its secret; the caller wipes it.
	Load(name string) (*Key, error)
	// List gives the public parts of all keys, by name. It asks for no passphrase.
	List() ([]Public, error)
	// String is where the keys are.
	String() string
}

// dir is a directory of key files.
type dir struct {
	path string
	pass Passphrase
	logN int
}

// Dir is the store of the key files NAME.key in a directory, which Save makes.
func Dir(path string, pass Passphrase) Store { return &dir{path: path, pass: pass, logN: logNDefault} }

func (d *dir) String() string { return d.path }

func (d *dir) file(name string) string { return filepath.Join(d.path, name+Suffix) }

func (d *dir) Save(k *Key) error {
	if err := durable.MakeDir(d.path); err != nil {
		return fmt.Errorf("making the directory of keys: %w", err)
	}
	return saveFile(d.file(k.public.Name), k, d.pass, d.logN)
}

func (d *dir) Load(name string) (*Key, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	return LoadFile(d.file(name), d.pass)
}

func (d *dir) List() ([]Public, error) {
	entries, err := os.ReadDir(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the keys: %w", err)
	}
	var out []Public
	var bad []error
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), Suffix) || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		p, err := ReadPublic(filepath.Join(d.path, e.Name()))
		if err == nil && p.Name+Suffix != e.Name() {
			err = fmt.Errorf("%s holds the key %s; rename the file to %s", filepath.Join(d.path, e.Name()), p.Name, p.Name+Suffix)
		}
		if err != nil {
			bad = append(bad, err)
			continue
		}
		out = append(out, p)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out, errors.Join(bad...)
}

// SaveFile writes a key to a new file, under a passphrase; ErrExist when there is
// a file of that name.
func SaveFile(name string, k *Key, pass Passphrase) error {
	return saveFile(name, k, pass, logNDefault)
}

func saveFile(name string, k *Key, pass Passphrase, logN int) error {
	lock, err := durable.Acquire(name + ".lock")
	if err != nil {
		return err
	}
	defer func() {
		_ = os.Remove(name + ".lock") // durable's locks allow it
		_ = lock.Release()            // nothing was written to it
	}()
	if _, err := os.Lstat(name); err == nil {
		return fmt.Errorf("%s is there; a key is never overwritten, so choose another name: %w", name, ErrExist)
	}
	secret, err := pass.get("passphrase for the new key " + k.public.Name)
	if err != nil {
		return err
	}
	defer clear(secret)
	if len(secret) < MinPassphrase {
		return fmt.Errorf("the passphrase has %d bytes; give at least %d", len(secret), MinPassphrase)
	}
	data, err := seal(k, secret, logN)
	if err != nil {
		return err
	}
	return durable.Replace(name, data, nil)
}

// ReadPublic gives the public part of a key file, without its passphrase.
func ReadPublic(name string) (Public, error) {
	e, err := readEnvelope(name)
	if err != nil {
		return Public{}, err
	}
	return e.public(), nil
}

// LoadFile opens a key file. The caller wipes the key.
func LoadFile(name string, pass Passphrase) (*Key, error) {
	e, err := readEnvelope(name)
	if err != nil {
		return nil, err
	}
	k, err := e.unlock(pass)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be opened: %w", name, err)
	}
	return k, nil
}

// tries is how many passphrases one key is tried with.
const tries = 3

// unlock opens a key file with what pass gives, until that is the same again.
func (e *envelope) unlock(pass Passphrase) (*Key, error) {
	var last []byte
	defer func() { clear(last) }()
	for range tries {
		secret, err := pass.get("passphrase of the key " + e.Name)
		if err != nil {
			return nil, err
		}
		if last != nil && bytes.Equal(secret, last) {
			clear(secret)
			break
		}
		clear(last)
		last = secret
		k, err := e.open(secret)
		if !errors.Is(err, ErrPassphrase) {
			return k, err
		}
	}
	return nil, ErrPassphrase
}

// readEnvelope follows links: where secrets are mounted, a key is often one.
func readEnvelope(name string) (*envelope, error) {
	file, err := filepath.EvalSymlinks(name)
	if err != nil {
		return nil, fmt.Errorf("reading the key: %w", err)
	}
	data, err := durable.ReadFile(file, maxEnvelope)
	if err != nil {
		return nil, fmt.Errorf("reading the key: %w", err)
	}
	e, err := parseEnvelope(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return e, nil
}
