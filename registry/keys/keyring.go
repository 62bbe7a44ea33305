// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"sort"
	"strings"

	"github.com/zalando/go-keyring"
)

// KeyringService is the name under which Bulkhead's keys are in a keyring.
const KeyringService = "bulkhead-registry"

// keyringIndex is the entry that lists the others, since a keyring cannot. No key
// has this name: CheckName refuses it.
const keyringIndex = "#index"

// ErrNoKeyring: the system has no keyring, or it does not answer.
var ErrNoKeyring = errors.New("the keyring of this system cannot be used")

// ring is the keyring of the system.
type ring struct{ service string }

// Keyring is the store in the keyring of the system. An entry of a key is its
// public line and the base64 of its seed; another lists the public lines. Two
// processes that save at the same moment may lose one from that list, and the key
// still loads by its name.
func Keyring(service string) Store { return &ring{service: service} }

func (r *ring) String() string { return "the keyring of this system" }

func (r *ring) Save(k *Key) error {
	if k.private == nil {
		return fmt.Errorf("the key %s was wiped; load it again", k.public.Name)
	}
	_, err := keyring.Get(r.service, k.public.Name)
	if err == nil {
		return fmt.Errorf("the keyring has a key %s; a key is never overwritten, so choose another name: %w", k.public.Name, ErrExist)
	}
	if !errors.Is(err, keyring.ErrNotFound) {
		return keyringError(err)
	}
	seed := k.private.Seed()
	defer clear(seed)
	text := k.public.String() + "\n" + base64.StdEncoding.EncodeToString(seed)
	if err := keyring.Set(r.service, k.public.Name, text); err != nil {
		return keyringError(err)
	}
	return r.index(k.public)
}

// index adds a line to the list.
func (r *ring) index(p Public) error {
	list, err := r.List()
	if err != nil {
		return err
	}
	lines := []string{p.String()}
	for _, q := range list {
		if q.Name != p.Name {
			lines = append(lines, q.String())
		}
	}
	sort.Strings(lines)
	if err := keyring.Set(r.service, keyringIndex, strings.Join(lines, "\n")); err != nil {
		return keyringError(err)
	}
	return nil
}

func (r *ring) Load(name string) (*Key, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	text, err := keyring.Get(r.service, name)
	if errors.Is(err, keyring.ErrNotFound) {
		return nil, fmt.Errorf("the keyring has no key %s; `bulkhead registry keys list` shows those that it has: %w", name, ErrNotExist)
	}
	if err != nil {
		return nil, keyringError(err)
	}
	return parseEntry(name, text)
}

// parseEntry reads the two lines of an entry.
func parseEntry(name, text string) (*Key, error) {
	line, secret, found := strings.Cut(text, "\n")
	public, err := ParsePublic(line)
	if err != nil || !found || public.Name != name {
		return nil, fmt.Errorf("the keyring's entry %s is not one of Bulkhead's; restore the key from its backup", name)
	}
	seed, err := base64.StdEncoding.Strict().DecodeString(secret)
	if err != nil {
		return nil, fmt.Errorf("the secret of the keyring's entry %s is damaged; restore the key from its backup", name) // err would quote it
	}
	defer clear(seed)
	return fromSeed(public, seed)
}

func (r *ring) List() ([]Public, error) {
	text, err := keyring.Get(r.service, keyringIndex)
	if errors.Is(err, keyring.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, keyringError(err)
	}
	var out []Public
	for line := range strings.Lines(text) {
		p, err := ParsePublic(line)
		if err != nil {
			return nil, fmt.Errorf("the keyring's list of keys: %w", err)
		}
		out = append(out, p)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out, nil
}

// keyringError says what to do about a keyring that does not work.
func keyringError(err error) error {
	hint := "unlock it, or keep the key in a file"
	if runtime.GOOS == "linux" {
		hint = "it needs a running Secret Service such as GNOME Keyring or KeePassXC; start one, or keep the key in a file"
	}
	return fmt.Errorf("%w (%w): %s", ErrNoKeyring, err, hint)
}
