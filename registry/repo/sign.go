// SPDX-License-Identifier: Apache-2.0

package repo

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/bulkhead-ml/bulkhead/registry/keys"
)

// Role is who may sign for a role: as many of the keys as the threshold says. The
// threshold 0 stands for the one that the role has, and for 1 when it is new.
type Role struct {
	Keys      []keys.Public
	Threshold int
}

// maxKeys of one role.
const maxKeys = 64

func (r Role) check(name string) error {
	ids := map[string]bool{}
	for _, k := range r.Keys {
		ids[k.ID()] = true
	}
	switch {
	case len(r.Keys) == 0:
		return fmt.Errorf("the role %s has no key; give at least one", name)
	case len(r.Keys) > maxKeys:
		return fmt.Errorf("the role %s has %d keys, more than %d", name, len(r.Keys), maxKeys)
	case ids[""] || len(ids) != len(r.Keys):
		return fmt.Errorf("the role %s has a key twice, or one that is empty", name)
	case r.Threshold < 1 || r.Threshold > len(r.Keys):
		return fmt.Errorf("the role %s would have the threshold %d and this many keys: %d; give all keys that it shall have, or a threshold from 1 to that", name, r.Threshold, len(r.Keys))
	}
	return nil
}

// KeysError: too few of a role's keys are at hand to sign for it.
type KeysError struct {
	Role       string
	Need, Have int
	Missing    []string // IDs
}

// Error says which keys would do.
func (e *KeysError) Error() string {
	short := make([]string, len(e.Missing))
	for i, id := range e.Missing {
		short[i] = fmt.Sprintf("%.12s", id)
	}
	return fmt.Sprintf("signing for the role %s takes %d of its keys, and %d are at hand; give the files of more of these: %s%s", e.Role, e.Need, e.Have, strings.Join(short, ", "), e.lost())
}

// lost says what to do when the missing keys are not only elsewhere.
func (e *KeysError) lost() string {
	switch e.Role {
	case metadata.TARGETS, metadata.SNAPSHOT, metadata.TIMESTAMP, logRole:
		return fmt.Sprintf("; if they are lost, `bulkhead registry rotate %s --key NEW` replaces them", e.Role)
	case metadata.ROOT:
		return "; nothing replaces those of root when they are lost, but a new registry"
	}
	return ""
}

// signers are as many of a role's keys as its threshold needs.
func signers(chain *keys.Chain, role string, ids []string, threshold int) ([]*keys.Key, error) {
	var found []*keys.Key
	var missing []string
	for _, id := range ids {
		if len(found) == threshold {
			break
		}
		k, err := chain.Find(id)
		if errors.Is(err, keys.ErrNotExist) {
			missing = append(missing, id)
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, k)
	}
	if len(found) < threshold || threshold < 1 {
		return nil, &KeysError{Role: role, Need: threshold, Have: len(found), Missing: missing}
	}
	return found, nil
}

// sign adds the signatures of keys to metadata, each once.
func sign[T metadata.Roles](m *metadata.Metadata[T], with []*keys.Key) error {
	have := map[string]bool{}
	for _, s := range m.Signatures {
		have[s.KeyID] = true
	}
	for _, k := range with {
		if have[k.Public().ID()] {
			continue
		}
		s, err := k.Signer()
		if err != nil {
			return err
		}
		if _, err := m.Sign(s); err != nil {
			return fmt.Errorf("signing with the key %s: %w", k.Public().Name, err)
		}
		have[k.Public().ID()] = true
	}
	return nil
}

// expiryAt is the time at which metadata signed now expires.
func expiryAt(now time.Time, after time.Duration) time.Time {
	return now.UTC().Truncate(time.Second).Add(after)
}
