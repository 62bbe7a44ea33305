// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestOneOfManySaves: of those who make a key of one name at the same time one
// succeeds, and the file is theirs.
func TestOneOfManySaves(t *testing.T) {
	stores(t, func(t *testing.T, s Store) {
		if _, ok := s.(*ring); ok {
			t.Skip("a keyring cannot be locked, as its documentation says")
		}
		var wg sync.WaitGroup
		var won atomic.Pointer[Key]
		for range 6 {
			wg.Go(func() {
				k := generate(t, "same")
				switch err := s.Save(k); {
				case err == nil && won.Swap(k) != nil:
					t.Error("two were saved")
				case err != nil && !errors.Is(err, ErrExist):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		got, err := s.Load("same")
		must(t, err)
		if winner := won.Load(); winner == nil || !got.private.Equal(winner.private) {
			t.Error("the file is not that of the one who was told so")
		}
	})
}

// TestChainFindsTheKeyOrNone: a file that was replaced after it was listed gives
// another key, and no such key signs in the place of the one that was asked for.
func TestChainFindsTheKeyOrNone(t *testing.T) {
	d := cheap(t.TempDir(), "correct horse")
	first, second := generate(t, "a"), generate(t, "a")
	must(t, d.Save(first))
	file := d.file("a")
	c := NewChain()
	_, err := c.AddFile(file, d.pass)
	must(t, err)
	must(t, os.Remove(file))
	must(t, d.Save(second))
	k, err := c.Find(first.Public().ID())
	if k != nil || err == nil || !strings.Contains(err.Error(), "replaced") {
		t.Errorf("%v, %v", k, err)
	}
	if k, err := c.Find(second.Public().ID()); k != nil || !errors.Is(err, ErrNotExist) {
		t.Errorf("%v, %v", k, err)
	}
}

// TestChainGoesOn: a place that cannot be read does not hide a key that another one
// has, and is named when none has it.
func TestChainGoesOn(t *testing.T) {
	broken, good := cheap(t.TempDir(), "correct horse"), cheap(t.TempDir(), "correct horse")
	must(t, os.WriteFile(filepath.Join(broken.path, "x.key"), []byte("{"), 0o600))
	k := generate(t, "a")
	must(t, good.Save(k))
	c := NewChain()
	c.AddStore(broken)
	c.AddStore(good)
	found, err := c.Find(k.Public().ID())
	must(t, err)
	if !found.Public().Equal(k.Public()) {
		t.Error(found)
	}
	if _, err := c.Find(generate(t, "b").Public().ID()); err == nil || !strings.Contains(err.Error(), "x.key") {
		t.Error(err)
	}
}

// TestChainAsksOnce: many who need one key at a time open it once, and a wrong
// passphrase is no missing key.
func TestChainAsksOnce(t *testing.T) {
	d := cheap(t.TempDir(), "correct horse")
	k := generate(t, "a")
	must(t, d.Save(k))
	var asked atomic.Int32
	counting := &dir{path: d.path, logN: logNMin, pass: func(what string) ([]byte, error) {
		if asked.Add(1); !strings.Contains(what, " a") {
			return nil, fmt.Errorf("it asks for %q", what)
		}
		return []byte("correct horse"), nil
	}}
	c := NewChain()
	c.AddStore(counting)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if found, err := c.Find(k.Public().ID()); err != nil || !found.private.Equal(k.private) {
				t.Error(found, err)
			}
		})
	}
	wg.Wait()
	if asked.Load() != 1 {
		t.Errorf("the passphrase was asked for %d times", asked.Load())
	}
	c.Close()
	wrong := NewChain()
	wrong.AddStore(cheap(d.path, "wrong horse"))
	if _, err := wrong.Find(k.Public().ID()); !errors.Is(err, ErrPassphrase) || errors.Is(err, ErrNotExist) {
		t.Error(err)
	}
}
