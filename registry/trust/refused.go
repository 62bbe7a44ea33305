// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/translog"
	"github.com/bulkhead-ml/bulkhead/registry/trust/tuf"
)

// Threat is what an attacker would win if the client were not to refuse.
type Threat = tuf.Threat

// Threats. The first ones are those of The Update Framework.
const (
	Rollback         = tuf.Rollback
	Freeze           = tuf.Freeze
	MixAndMatch      = tuf.MixAndMatch
	EndlessData      = tuf.EndlessData
	SlowRetrieval    = tuf.SlowRetrieval
	WrongSoftware    = tuf.WrongSoftware
	KeyCompromise    = tuf.KeyCompromise
	MissingSignature = tuf.MissingSignature
	Malformed        = tuf.Malformed

	MissingProof Threat = "missing log proof"
	Fork         Threat = "fork"
)

// RefusedError says that a registry, or what it serves, is not to be trusted now.
type RefusedError struct {
	Registry string
	Threat   Threat
	Reason   string // what was seen, in words
	Remedy   string // what to do next
	Err      error  // the cause, or nil; see *translog.ForkError for evidence
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the registry %s is refused (%s): %s; %s", e.Registry, e.Threat, e.Reason, e.Remedy)
}

func (e *RefusedError) Unwrap() error { return e.Err }

// UnreachableError says that a registry does not serve what it must, so that
// nothing is known of it.
type UnreachableError struct {
	Registry string
	Remedy   string
	Err      error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("the registry %s cannot be read: %v; %s", e.Registry, e.Err, e.Remedy)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

const remedyReach = "check the network, the proxy and the registry's address, or give it an offline grace in the configuration to go on with what was verified before"

var remedies = map[Threat]string{
	Rollback:         "the mirror may be an old copy: use another; after an attack the registry's owner recovers by new keys for snapshot and timestamp",
	Freeze:           "use another mirror, or ask the registry's owner to sign its metadata anew; check this machine's clock; an offline grace in the configuration accepts it for that long",
	MixAndMatch:      "try again in a minute, since the registry may be publishing; if it stays, use another mirror",
	EndlessData:      "use another mirror and tell the registry's owner",
	SlowRetrieval:    "try again later or use another mirror; a download goes on where it was",
	WrongSoftware:    "do not install it; tell the registry's owner and the publisher",
	KeyCompromise:    "do not install from it; ask the registry's owner which keys are valid",
	MissingSignature: "do not install from it; ask the registry's owner to sign it",
	Malformed:        "use another mirror, or a newer Bulkhead, and tell the registry's owner",
	MissingProof:     "do not install it; tell the registry's owner that its log is incomplete",
	Fork:             "do not install from it; publish both checkpoints, which convict the log",
}

func (c *Client) refused(t Threat, err error, format string, args ...any) *RefusedError {
	remedy := remedies[t]
	if t == Fork {
		remedy += ", from " + c.forkFile()
	}
	return &RefusedError{Registry: c.o.Name, Threat: t, Reason: fmt.Sprintf(format, args...), Remedy: remedy, Err: err}
}

// explain makes an error of the parts that the client is made of one of its own.
func (c *Client) explain(err error) error {
	var refused *RefusedError
	var unreachable *UnreachableError
	switch {
	case err == nil, errors.As(err, &refused), errors.As(err, &unreachable):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	if t, ok := threat(err); ok {
		return c.refused(t, err, "%v", err)
	}
	if source(err) {
		return &UnreachableError{Registry: c.o.Name, Remedy: remedyReach, Err: err}
	}
	return fmt.Errorf("the registry %s: %w", c.o.Name, err)
}

func threat(err error) (Threat, bool) {
	var metadata *tuf.Error
	var fork *translog.ForkError
	var proof *translog.ProofError
	switch {
	case errors.As(err, &metadata):
		return metadata.Threat, true
	case errors.As(err, &fork) && fork.Shrunk:
		return Rollback, true
	case errors.As(err, &fork):
		return Fork, true
	case errors.As(err, &proof):
		return MissingProof, true
	}
	return transferThreat(err)
}

func transferThreat(err error) (Threat, bool) {
	var large *files.TooLargeError
	var slow *files.SlowError
	var digest *files.DigestError
	var size *files.SizeError
	switch {
	case errors.As(err, &large):
		return EndlessData, true
	case errors.As(err, &slow):
		return SlowRetrieval, true
	case errors.As(err, &digest), errors.As(err, &size):
		return WrongSoftware, true
	}
	return "", false
}

// source reports whether an error is that of a file that could not be had.
func source(err error) bool {
	var fetch *tuf.FetchError
	var log *translog.SourceError
	return errors.As(err, &fetch) || errors.As(err, &log)
}

// missing reports whether a registry that answers does not have its log.
func missing(err error) bool {
	var log *translog.SourceError
	return errors.As(err, &log) && errors.Is(err, fs.ErrNotExist)
}
