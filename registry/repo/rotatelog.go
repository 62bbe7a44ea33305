// SPDX-License-Identifier: Apache-2.0

package repo

import (
	"context"
	"fmt"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-ml/bulkhead/registry/keys"
	"github.com/bulkhead-ml/bulkhead/registry/policy"
	"github.com/bulkhead-ml/bulkhead/registry/translog"
)

// logRole is what the key of the log is called beside those of TUF's roles.
const logRole = "log"

// RotateLog gives the log another key, which must be at hand, like those of the
// root. The old one may be lost. It returns the new key as package note writes it;
// users who were given the old one need not do anything. The log keeps its records.
func (r *Repo) RotateLog(ctx context.Context, to keys.Public) (logKey string, err error) {
	err = r.change(ctx, func(s *state) error {
		if logKey, err = to.NoteKey(s.policy.Name); err != nil {
			return err
		}
		p, err := s.policy.WithLogKey(logKey)
		if err != nil {
			return fmt.Errorf("%w; a key that the log has or had cannot become its new one: make another with `bulkhead registry keys generate`", err)
		}
		return r.handOver(ctx, s, p)
	})
	return logKey, err
}

// handOver signs the checkpoint with the new key as well, and names the key in a
// new root then.
func (r *Repo) handOver(ctx context.Context, s *state, p policy.Policy) error {
	next, err := r.changedRoot(s, p, keep)
	if err != nil {
		return err
	}
	old, err := note.NewVerifier(s.policy.LogKey)
	if err != nil {
		return err
	}
	signer, key, err := logSigner(r.opt.Keys, p.LogKey)
	if err != nil {
		return err
	}
	if err := r.unchanged(ctx, s); err != nil {
		return err
	}
	if _, err := translog.Rekey(ctx, r.store, old, signer, key); err != nil {
		return err
	}
	return r.putRoot(ctx, next)
}

// keep changes nothing else in a root.
func keep(*metadata.Metadata[metadata.RootType]) error { return nil }

// SetExpiry changes for how long what is signed from now on is good; a duration of
// 0 stays as it is. The root says so, which is signed anew, and so are snapshot and
// timestamp. Targets and the publishers' metadata keep the dates that they have
// until they are signed the next time.
func (r *Repo) SetExpiry(ctx context.Context, e policy.Expiry) error {
	return r.change(ctx, func(s *state) error {
		p := s.policy
		var err error
		if p.Expiry, err = e.Fill(p.Expiry); err != nil {
			return err
		}
		next, err := r.changedRoot(s, p, keep)
		if err != nil {
			return err
		}
		s.policy = p
		return r.commit(ctx, s, update{root: next})
	})
}
