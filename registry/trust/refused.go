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
	MissingProof:     "try again in a minute, since the registry may be publishing; if it stays, do not install it, and tell the registry's owner that its log is incomplete",
	Fork:             "do not install from it; publish both checkpoints, which convict the log",
}

// besides are the remedies for what says itself that another mirror may help.
var besides = map[Threat]string{
	EndlessData:   "tell the registry's owner",
	SlowRetrieval: "a download goes on where it was",
}

// remedy is what to do about a threat. What was verified last may be of the other
// side of a fork, or of a log that is no more: no mirror helps then, and whoever
// runs the registry has to say which side is the right one.
func (c *Client) remedy(t Threat, err error) string {
	text := remedies[t]
	if short := besides[t]; short != "" && files.Advises(err) {
		return short
	}
	again := fmt.Sprintf("`bulkhead registry forget %s --seen` begins anew from the root and the log key that were given", c.o.Name)
	forked := c.forked()
	var fork *translog.ForkError
	switch {
	case t == Fork:
		return fmt.Sprintf("%s, from %s; once its owner has explained which of the two is right, %s", text, c.forkFile(), again)
	case t == Rollback && forked:
		return fmt.Sprintf("its log was seen to fork, as %s proves, so what was verified here last may be of the other side; once its owner has explained which side is right, %s", c.forkFile(), again)
	case t == Rollback && errors.As(err, &fork):
		return fmt.Sprintf("the mirror may be an old copy: use another; if its owner says that the log which is shown now is right, %s", again)
	}
	return text
}

// reach is what to do about a registry that does not answer, besides what the
// error says.
func (c *Client) reach(err error) string {
	const check = "check the network, the proxy and the registry's address"
	switch grace := c.o.Offline > 0; {
	case grace && files.Advises(err):
		return "the offline grace is for metadata that were verified here before, and these are not there"
	case grace:
		return check
	case files.Advises(err):
		return "an offline_grace in its configuration goes on with what was verified before"
	}
	return check + ", or give it an offline_grace in its configuration to go on with what was verified before"
}

func (c *Client) refused(t Threat, err error, format string, args ...any) *RefusedError {
	return &RefusedError{Registry: c.o.Name, Threat: t, Reason: fmt.Sprintf(format, args...), Remedy: c.remedy(t, err), Err: err}
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
		return &UnreachableError{Registry: c.o.Name, Remedy: c.reach(err), Err: err}
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
