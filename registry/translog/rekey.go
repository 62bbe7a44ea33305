// SPDX-License-Identifier: Apache-2.0

package translog

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-ml/bulkhead/registry/files"
)

// Rekey signs the log's checkpoint with another key as well, so that those who
// know the old key and those who know the new one both find it signed. The
// signature of the old key stays, and the key itself is not needed. What Append
// commits later has the signature of its own signer only.
//
// The log is audited first: the new key vouches for all that is in it.
func Rekey(ctx context.Context, store files.Store, old note.Verifier, signer note.Signer, key note.Verifier) (Checkpoint, error) {
	if old.Name() != key.Name() {
		return Checkpoint{}, fmt.Errorf("the new key is one of the log %q, and the log is %q", key.Name(), old.Name())
	}
	c, err := Audit(ctx, store, old, nil)
	if err != nil {
		return Checkpoint{}, err
	}
	n, err := note.Open(c.Note, note.VerifierList(old))
	if err != nil {
		return Checkpoint{}, err
	}
	if c.Note, err = note.Sign(n, signer); err != nil {
		return Checkpoint{}, fmt.Errorf("the checkpoint cannot be signed: %w", err)
	}
	_, err1 := ParseCheckpoint(c.Note, old)
	_, err2 := ParseCheckpoint(c.Note, key)
	if err := errors.Join(err1, err2); err != nil {
		return Checkpoint{}, err
	}
	return c, store.Put(ctx, CheckpointName, bytes.NewReader(c.Note))
}
