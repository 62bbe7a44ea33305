// SPDX-License-Identifier: Apache-2.0

package repo

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/keys"
	"github.com/bulkhead-ml/bulkhead/registry/translog"
)

// openLog opens the log to append, or makes it.
func openLog(ctx context.Context, store files.Store, chain *keys.Chain, logKey string, create bool) (*translog.Log, error) {
	signer, v, err := logSigner(chain, logKey)
	if err != nil {
		return nil, err
	}
	if create {
		return translog.Create(ctx, store, signer, v)
	}
	return translog.Open(ctx, store, signer, v)
}

// logSigner finds the key of a log among those at hand.
func logSigner(chain *keys.Chain, logKey string) (note.Signer, note.Verifier, error) {
	v, err := note.NewVerifier(logKey)
	if err != nil {
		return nil, nil, err
	}
	public, err := publicOf(logKey)
	if err != nil {
		return nil, nil, err
	}
	k, err := chain.Find(public.ID())
	if errors.Is(err, keys.ErrNotExist) {
		return nil, nil, &KeysError{Role: logRole, Need: 1, Missing: []string{public.ID()}}
	}
	if err != nil {
		return nil, nil, err
	}
	signer, err := k.NoteSigner(v.Name())
	return signer, v, err
}

// publicOf is the key in NAME+HASH+KEY, whose last part is the base64 of the
// algorithm, 1 for Ed25519, and the key.
func publicOf(logKey string) (keys.Public, error) {
	parts := strings.SplitN(logKey, "+", 3)
	data, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(parts) != 3 || len(data) != 1+ed25519.PublicKeySize || data[0] != 1 {
		return keys.Public{}, fmt.Errorf("%.120q is no key of a log", logKey)
	}
	return keys.Public{Name: "log", Key: data[1:]}, nil
}
