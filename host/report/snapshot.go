// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Bounds of a snapshot.
const (
	MaxSnapshotBytes = 64 << 20
	MaxSnapshotFacts = 200_000
)

// SnapshotError says what is wrong with a snapshot.
type SnapshotError struct {
	// Place in the document: "facts[3].address", or empty for the whole.
	Place string
	// Reason in a sentence without a full stop.
	Reason string
}

// Error says what to do next, too.
func (e *SnapshotError) Error() string {
	place := ""
	if e.Place != "" {
		place = e.Place + ": "
	}
	return fmt.Sprintf("this is not a snapshot: %s%s; write one with: bulkhead snapshot save FILE", place, e.Reason)
}

// ReadSnapshot reads a facts document from a stranger. It returns a
// *SnapshotError for a document that is too large, is not JSON, has names that
// its version does not have, or holds a fact that breaks the rules of package
// fact, and the reader's error when reading fails. A document of a newer minor
// version may have names that this version does not know; they are ignored.
func ReadSnapshot(r io.Reader) (Facts, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxSnapshotBytes+1))
	if err != nil {
		return Facts{}, fmt.Errorf("reading the snapshot: %w", err)
	}
	if len(data) > MaxSnapshotBytes {
		return Facts{}, &SnapshotError{Reason: fmt.Sprintf("it is larger than %d MiB", MaxSnapshotBytes>>20)}
	}
	newer, err := checkVersion(data)
	if err != nil {
		return Facts{}, err
	}
	var f Facts
	if err := decodeDocument(data, &f, !newer); err != nil {
		return Facts{}, err
	}
	if err := f.validate(); err != nil {
		return Facts{}, err
	}
	for i := range f.Facts {
		f.Facts[i].Value = CanonicalValue(f.Facts[i].Value)
	}
	return f, nil
}

// checkVersion looks at the kind of the document and its version, and says
// whether its minor is newer than ours.
func checkVersion(data []byte) (newer bool, err error) {
	var head struct {
		SchemaVersion *string         `json:"schema_version"`
		Findings      json.RawMessage `json:"findings"`
		Facts         json.RawMessage `json:"facts"`
	}
	if err := decodeDocument(data, &head, false); err != nil {
		return false, err
	}
	switch {
	case head.SchemaVersion == nil:
		return false, &SnapshotError{Place: "schema_version", Reason: "it is missing"}
	case head.Findings != nil:
		return false, &SnapshotError{Reason: "it is the report of a diagnosis"}
	case head.Facts == nil:
		return false, &SnapshotError{Place: "facts", Reason: "the list is missing"}
	}
	major, minor, ok := parseVersion(*head.SchemaVersion)
	ourMajor, ourMinor, _ := parseVersion(SchemaVersion)
	if !ok || major != ourMajor {
		return false, &SnapshotError{Place: "schema_version",
			Reason: fmt.Sprintf("version %q is not one that this program reads (%d.x)", cut(CleanLine(*head.SchemaVersion), 20), ourMajor)}
	}
	return minor > ourMinor, nil
}

func parseVersion(s string) (major, minor int, ok bool) {
	a, b, found := strings.Cut(s, ".")
	major, err1 := strconv.Atoi(a)
	minor, err2 := strconv.Atoi(b)
	return major, minor, found && err1 == nil && err2 == nil && major >= 0 && minor >= 0
}

// decodeDocument reads one JSON document and nothing after it.
func decodeDocument(data []byte, into any, strict bool) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	if strict {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(into); err != nil {
		return decodeError(data, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return &SnapshotError{Reason: "something follows the document"}
	}
	return nil
}

// decodeError puts an error of encoding/json into the words of a reader.
func decodeError(data []byte, err error) error {
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return &SnapshotError{Place: lineOf(data, e.Offset), Reason: "it is not JSON: " + e.Error()}
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return &SnapshotError{Place: e.Field, Reason: fmt.Sprintf("a JSON %s cannot stand here", e.Value)}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &SnapshotError{Reason: "the file ends too early"}
	}
	return &SnapshotError{Reason: CleanLine(strings.TrimPrefix(err.Error(), "json: "))}
}

// lineOf is the line of an offset.
func lineOf(data []byte, offset int64) string {
	offset = min(max(offset, 0), int64(len(data)))
	return fmt.Sprintf("line %d", 1+bytes.Count(data[:offset], []byte("\n")))
}

func (f *Facts) validate() error {
	switch {
	case f.Facts == nil:
		return &SnapshotError{Place: "facts", Reason: "the list is missing"}
	case len(f.Facts) > MaxSnapshotFacts:
		return &SnapshotError{Place: "facts", Reason: fmt.Sprintf("%d facts are more than %d", len(f.Facts), MaxSnapshotFacts)}
	case f.CollectedAt.IsZero():
		return &SnapshotError{Place: "collected_at", Reason: "it is missing"}
	}
	seen := make(map[string]bool, len(f.Facts))
	for i, x := range f.Facts {
		place := fmt.Sprintf("facts[%d]", i)
		if err := CheckFact(x); err != nil {
			return &SnapshotError{Place: place, Reason: err.Error()}
		}
		if seen[x.Address] {
			return &SnapshotError{Place: place, Reason: fmt.Sprintf("%s stands there twice", x.Address)}
		}
		seen[x.Address] = true
	}
	return nil
}

// CheckFact returns an error when a fact breaks the rules of package fact: its
// address, and either a JSON value or the reason why it is unknown.
func CheckFact(f fact.Fact) error {
	if err := CheckAddress(f.Address); err != nil {
		return err
	}
	switch {
	case f.Unknown == "" && len(f.Value) == 0:
		return fmt.Errorf("%s has neither a value nor a reason", f.Address)
	case f.Unknown != "" && len(f.Value) > 0:
		return fmt.Errorf("%s has both a value and a reason why it is unknown", f.Address)
	case f.Unknown == "" && !json.Valid(f.Value):
		return fmt.Errorf("the value of %s is not JSON", f.Address)
	}
	for _, e := range f.Evidence {
		if e.Line < 0 {
			return fmt.Errorf("evidence of %s has a negative line", f.Address)
		}
	}
	return nil
}
