// SPDX-License-Identifier: Apache-2.0

package translog

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// TestRekey: the checkpoint of the moment counts for those who know the old key and
// for those who know the new one; what is appended then counts for the latter.
func TestRekey(t *testing.T) {
	m := newMemory()
	grown(t, m, 300)
	_, old := pair(t, "registry.example/log", 1)
	signer, key := pair(t, "registry.example/log", 2)
	state := t.TempDir() + "/checkpoint"
	v := &Verifier{Source: m, Key: old, State: state}
	before, err := v.Update(t.Context())
	must(t, err)

	c, err := Rekey(t.Context(), m, old, signer, key)
	must(t, err)
	if !c.same(before) || strings.Count(string(c.Note), "\n— registry.example/log ") != 2 {
		t.Errorf("%s", c.Note)
	}
	for _, k := range []note.Verifier{old, key} {
		if _, err := (&Verifier{Source: m, Key: k}).Update(t.Context()); err != nil {
			t.Error(err)
		}
	}
	again, err := Rekey(t.Context(), m, old, signer, key)
	must(t, err)
	if !bytes.Equal(again.Note, c.Note) {
		t.Errorf("a second time it is %s", again.Note)
	}

	log, err := Open(t.Context(), m, signer, key)
	must(t, err)
	record, err := Record(made(300))
	must(t, err)
	_, err = log.Append(t.Context(), record)
	must(t, err)
	var proof *ProofError
	if _, err := v.Update(t.Context()); !errors.As(err, &proof) {
		t.Errorf("the old key alone: %v", err)
	}
	unaware := &Verifier{Source: m, Key: key, State: state}
	if _, err := unaware.Update(t.Context()); err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("a kept checkpoint of a key that nobody handed over: %v", err)
	}
	v.Handover(key, []note.Verifier{old})
	after, err := v.Update(t.Context())
	must(t, err)
	if after.Size != before.Size+1 {
		t.Error(after.Size)
	}
	if _, err := v.Included(t.Context(), made(300)); err != nil {
		t.Error(err)
	}
	kept, err := os.ReadFile(state)
	must(t, err)
	if _, err := ParseCheckpoint(kept, key); err != nil {
		t.Errorf("what is kept now: %v", err)
	}
}

// TestRekeyVouchesForNothingWrong: the new key signs no log that does not add up, and
// none of another name.
func TestRekeyVouchesForNothingWrong(t *testing.T) {
	m := newMemory()
	grown(t, m, 3)
	_, old := pair(t, "registry.example/log", 1)
	_, stranger := pair(t, "registry.example/log", 3)
	signer, key := pair(t, "registry.example/log", 2)
	other, otherKey := pair(t, "registry.example/other", 2)
	if _, err := Rekey(t.Context(), m, old, other, otherKey); err == nil || !strings.Contains(err.Error(), "registry.example/other") {
		t.Error(err)
	}
	var proof *ProofError
	if _, err := Rekey(t.Context(), m, stranger, signer, key); !errors.As(err, &proof) {
		t.Error(err)
	}
	if _, err := Rekey(t.Context(), m, old, signer, stranger); err == nil {
		t.Error("the key does not belong to the signer")
	}
	before := m.clone()
	must(t, m.Put(t.Context(), "log/tile/8/data/000.p/3", strings.NewReader("bulkhead release 1\n")))
	if _, err := Rekey(t.Context(), m, old, signer, key); !errors.As(err, &proof) {
		t.Error(err)
	}
	want, err := read(t.Context(), before, CheckpointName, MaxCheckpoint)
	must(t, err)
	if got, err := read(t.Context(), m, CheckpointName, MaxCheckpoint); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the checkpoint was changed: %s, %v", got, err)
	}
}
