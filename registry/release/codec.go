// SPDX-License-Identifier: Apache-2.0

package release

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/bulkhead-ml/bulkhead/internal/jsonkeys"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// MaxDocument bounds a release's description, in bytes.
const MaxDocument = 1 << 20

// Parse reads and validates a description. It takes any spelling of the JSON,
// without unknown keys and without one twice; what a signature is about is the
// spelling of Encode.
func Parse(data []byte) (*Release, error) {
	if len(data) > MaxDocument {
		return nil, fmt.Errorf("the description of a release has %d bytes, more than %d", len(data), MaxDocument)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var r *Release
	if err := dec.Decode(&r); err != nil {
		return nil, fmt.Errorf("the description of a release is not valid: %s", shorten(err.Error()))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the description of a release is not valid: text after the JSON object")
	}
	if r == nil {
		return nil, errors.New("the description of a release is not valid: it is null")
	}
	if err := r.Validate(); err != nil {
		return nil, err
	}
	if err := jsonkeys.Check(data); err != nil {
		return nil, fmt.Errorf("the description of a release is not valid: %s", shorten(err.Error()))
	}
	return r, nil
}

// Encode writes the canonical form: the JSON of the struct in the order of its
// fields, maps sorted by key, optional fields left out when empty, no spaces, no
// escapes for HTML, no newline at the end.
func (r *Release) Encode() ([]byte, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	out := *r
	if out.Grants == nil {
		out.Grants = []manifest.Grant{}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(&out); err != nil {
		return nil, fmt.Errorf("encoding release %s %s: %w", r.ID, r.Version, err)
	}
	data := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if len(data) > MaxDocument {
		return nil, fmt.Errorf("the description of %s %s has %d bytes, more than %d; shorten its changes", r.ID, r.Version, len(data), MaxDocument)
	}
	return data, nil
}
