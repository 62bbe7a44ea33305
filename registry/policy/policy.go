// SPDX-License-Identifier: Apache-2.0

// Package policy is what the root of a registry says beside what The Update
// Framework has words for: how the registry is called, which key signs its log,
// and for how long what each role signs is good.
//
// It is the member "x-bulkhead" of the signed part of the root, so that the
// threshold of the root's keys stands for it, and the first root for the chain:
//
//	"x-bulkhead": {
//	  "name": "plugins.acme.example",
//	  "log": "plugins.acme.example+e9be8335+AV4s...",
//	  "former_logs": ["plugins.acme.example+0a1b2c3d+AQ9x..."],
//	  "expiry": {"root": "8760h0m0s", "targets": "8760h0m0s", "publisher": "8760h0m0s", "snapshot": "720h0m0s", "timestamp": "168h0m0s"}
//	}
//
// # The log's key
//
// The key in "log" signs the log's checkpoints, and no other does. Those in
// "former_logs", the oldest first, did so before; the member is left out when
// there is none. All have the registry's name, and none stands there twice. A
// client was given one key out of band. It goes on when the newest root has that
// key in either place: the root's keys say then that the log under the new key is
// the one of the old key. The tree is the same one, so the client still demands
// that it begins with the tree that it saw last.
//
// A root that follows another one may add the other's "log" to the end of
// "former_logs" and name a new one, and nothing else: no former key is left out or
// signs again. So a key that was stolen never counts again, and whoever was given
// any of the keys finds it.
package policy

import (
	"errors"
	"fmt"
	"slices"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"golang.org/x/mod/sumdb/note"
)

// Field is the name of the root's member.
const Field = "x-bulkhead"

// MaxFormerLogs bounds how often a log can be given another key.
const MaxFormerLogs = 64

// Policy is what the member holds.
type Policy struct {
	Name string // of the registry and its log
	// LogKey signs the log, and FormerLogs did, the oldest first; as package note
	// writes keys.
	LogKey     string
	FormerLogs []string
	Expiry     Expiry
}

// ErrNone: a root has no such member. It is that of a TUF repository which is no
// registry.
var ErrNone = fmt.Errorf("the root has no member %q; it is that of a TUF repository, and not of a registry that Bulkhead made", Field)

// Write makes the policy the member of a root.
func (p Policy) Write(root *metadata.RootType) {
	member := map[string]any{"name": p.Name, "log": p.LogKey, "expiry": p.Expiry.write()}
	if len(p.FormerLogs) > 0 {
		former := make([]any, len(p.FormerLogs))
		for i, key := range p.FormerLogs {
			former[i] = key
		}
		member["former_logs"] = former
	}
	root.UnrecognizedFields = map[string]any{Field: member}
}

// Read reads the member of a root whose signatures are verified. The error is
// ErrNone when there is none.
func Read(root *metadata.RootType) (Policy, error) {
	value, there := root.UnrecognizedFields[Field]
	if !there {
		return Policy{}, ErrNone
	}
	field, ok := value.(map[string]any)
	if !ok {
		return Policy{}, fmt.Errorf("the root's member %q is no object", Field)
	}
	var p Policy
	p.Name, _ = field["name"].(string)
	p.LogKey, _ = field["log"].(string)
	var err error
	if p.FormerLogs, err = readFormer(field["former_logs"]); err != nil {
		return Policy{}, err
	}
	if err := p.checkKeys(); err != nil {
		return Policy{}, err
	}
	p.Expiry, err = readExpiry(field["expiry"])
	return p, err
}

func readFormer(value any) ([]string, error) {
	if value == nil {
		return nil, nil
	}
	list, ok := value.([]any)
	if !ok || len(list) > MaxFormerLogs {
		return nil, fmt.Errorf("the root's member %q has no good list of former log keys", Field)
	}
	var keys []string
	for _, v := range list {
		key, _ := v.(string)
		keys = append(keys, key)
	}
	return keys, nil
}

// checkKeys checks that all keys can be read, have the registry's name and differ.
func (p Policy) checkKeys() error {
	seen := map[uint32]bool{}
	for _, text := range p.LogKeys() {
		v, err := note.NewVerifier(text)
		if err != nil || v.Name() != p.Name {
			return fmt.Errorf("the root's member %q has no good log key (%.80q)", Field, text)
		}
		if seen[v.KeyHash()] {
			return fmt.Errorf("the root's member %q has the log key %.80q twice", Field, text)
		}
		seen[v.KeyHash()] = true
	}
	return nil
}

// LogKeys are all keys that the log ever had, the one that signs it first.
func (p Policy) LogKeys() []string { return append([]string{p.LogKey}, p.FormerLogs...) }

// WithLogKey is the policy with another key for the log.
func (p Policy) WithLogKey(key string) (Policy, error) {
	p.FormerLogs = append(slices.Clone(p.FormerLogs), p.LogKey)
	p.LogKey = key
	if len(p.FormerLogs) > MaxFormerLogs {
		return p, fmt.Errorf("the log had %d keys already, and no more are kept; make a new registry", MaxFormerLogs)
	}
	return p, p.checkKeys()
}

// Follows checks that a root with this policy may come after one with another.
func (p Policy) Follows(before Policy) error {
	if p.Name != before.Name {
		return fmt.Errorf("it names another registry, %q instead of %q", p.Name, before.Name)
	}
	want := before.FormerLogs
	if p.LogKey != before.LogKey {
		want = append(slices.Clone(want), before.LogKey)
	}
	if !slices.Equal(p.FormerLogs, want) {
		return errors.New("it does not hand the log over from the key of the root before")
	}
	return nil
}

// Verifiers are the key that signs the log and those that did.
func (p Policy) Verifiers() (now note.Verifier, former []note.Verifier, err error) {
	var all []note.Verifier
	for _, text := range p.LogKeys() {
		v, err := note.NewVerifier(text)
		if err != nil {
			return nil, nil, fmt.Errorf("the log key %.80q: %w", text, err)
		}
		all = append(all, v)
	}
	return all[0], all[1:], nil
}
