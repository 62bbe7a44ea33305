// SPDX-License-Identifier: Apache-2.0

package tuf

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// Threat is what an attacker would win if what was refused had been accepted, in
// the words of the specification.
type Threat string

// Threats that the workflow can tell apart.
const (
	Rollback         Threat = "rollback"
	Freeze           Threat = "freeze"
	MixAndMatch      Threat = "mix-and-match"
	EndlessData      Threat = "endless data"
	SlowRetrieval    Threat = "slow retrieval"
	WrongSoftware    Threat = "wrong software"
	KeyCompromise    Threat = "key compromise"    // fewer keys signed than must
	MissingSignature Threat = "missing signature" // no key signed
	Malformed        Threat = "malformed metadata"
)

// Error refuses the metadata of a role.
type Error struct {
	Role   string
	Threat Threat
	Err    error
}

func (e *Error) Error() string {
	return fmt.Sprintf("the metadata of the role %q are refused (%s): %v", e.Role, e.Threat, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// FetchError says that a file could not be had, so that nothing is known of it.
type FetchError struct {
	Name string // of the file
	Err  error
}

func (e *FetchError) Error() string { return fmt.Sprintf("%s cannot be read: %v", e.Name, e.Err) }

func (e *FetchError) Unwrap() error { return e.Err }

// refuse finds the threat in an error of go-tuf.
func refuse(role string, err error) error {
	var own *Error
	if err == nil || errors.As(err, &own) {
		return err
	}
	return &Error{Role: role, Threat: threat(err), Err: err}
}

func threat(err error) Threat {
	switch {
	case errors.Is(err, &metadata.ErrExpiredMetadata{}):
		return Freeze
	case errors.Is(err, &metadata.ErrBadVersionNumber{}):
		return Rollback
	case errors.Is(err, &metadata.ErrUnsignedMetadata{}):
		return KeyCompromise
	case errors.Is(err, &metadata.ErrLengthOrHashMismatch{}):
		return MixAndMatch
	}
	return Malformed
}

// superseded reports whether a kept file is refused for what happens to honest
// files in time. The repository is then asked for another.
func superseded(err error) bool { return errors.Is(err, &metadata.ErrRepository{}) }

// verify gives foreign metadata to go-tuf. It follows pointers that metadata can
// leave out, some of them before it looks at a signature ("targets":{"a":null}),
// so a panic is a refusal, too.
func verify(role string, data []byte, update func([]byte) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &Error{Role: role, Threat: Malformed, Err: fmt.Errorf("a field is missing: %v", r)}
		}
	}()
	err = refuse(role, update(data))
	var own *Error
	if errors.As(err, &own) && own.Threat == KeyCompromise && unsigned(data) {
		own.Threat = MissingSignature
	}
	return err
}

// unsigned reports whether metadata have no signature at all.
func unsigned(data []byte) bool {
	var m struct {
		Signatures []json.RawMessage `json:"signatures"`
	}
	return json.Unmarshal(data, &m) == nil && len(m.Signatures) == 0
}
