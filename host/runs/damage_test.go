// SPDX-License-Identifier: Apache-2.0

package runs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDamagedRecordSaysSoAndCanBeRemoved(t *testing.T) {
	for _, text := range []string{"", "{", "{}", `{"id":"ffffffffffffffff"}`} {
		s := newStore(t)
		id := ended(t, s, full(), OK)
		if err := os.WriteFile(filepath.Join(s.Dir(), id, recordName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := s.Get(id)
		if damage, ok := errors.AsType[*DamageError](err); !ok || !strings.Contains(damage.Error(), "bulkhead runs remove "+id) {
			t.Errorf("%q: %v", text, err)
		}
		if gone, err := s.Remove(id); err != nil || gone.ID != id {
			t.Errorf("%q: %v", text, err)
		}
		if left, err := s.List(Filter{}); err != nil || len(left) != 0 {
			t.Errorf("%q: %v, %v", text, left, err)
		}
	}
}

func TestRunWithoutItsNodesIsDamagedAndNotGone(t *testing.T) {
	s := newStore(t)
	id := ended(t, s, full(), OK)
	if err := os.Remove(filepath.Join(s.Dir(), id, nodesName)); err != nil {
		t.Fatal(err)
	}
	r, err := s.Get(id)
	if err != nil || r.LostLines == 0 || len(r.Nodes) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}
