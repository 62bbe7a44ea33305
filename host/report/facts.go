// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"io"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Facts is what was observed on one machine. In a file it is a snapshot.
type Facts struct {
	SchemaVersion string    `json:"schema_version"`
	Tool          Tool      `json:"tool"`
	Target        Target    `json:"target"`
	CollectedAt   time.Time `json:"collected_at"`
	// Facts stand in the order of their addresses, each address once.
	Facts       []fact.Fact  `json:"facts"`
	Diagnostics []Diagnostic `json:"diagnostics"`
	// Redacted says that a Redactor has replaced what identifies people and
	// machines. Since 1.1.
	Redacted bool `json:"redacted,omitempty"`
}

// WriteJSON writes the facts as one JSON document, which ReadSnapshot reads.
func (f Facts) WriteJSON(w io.Writer) error {
	f.SchemaVersion = SchemaVersion
	f.CollectedAt = f.CollectedAt.UTC()
	f.Facts, f.Diagnostics = fact.NewSet(f.Facts).All(), list(f.Diagnostics)
	return writeJSON(w, "the facts", f)
}

// WriteText writes "address = value" for each fact, and "address ? reason" for
// an unknown one. With Verbose values are whole and the evidence follows.
func (f Facts) WriteText(w io.Writer, opt Options) error {
	p := newPage(opt)
	for _, x := range fact.NewSet(f.Facts).All() {
		p.fact(x)
	}
	if len(f.Facts) > 0 && len(f.Diagnostics) > 0 {
		p.blank()
	}
	p.notes(f.Diagnostics)
	return p.flush(w, "the facts")
}

func (p *page) fact(f fact.Fact) {
	address := cutMiddle(p.clean(f.Address), p.width-8)
	label, value := address+" = ", string(f.Value)
	if f.Unknown != "" {
		label, value = address+" ? ", f.Unknown
	}
	if !p.opt.Verbose {
		p.line(0, label+value)
		return
	}
	p.wholeFact(address, label[len(address):], value)
	for _, e := range f.Evidence {
		p.evidenceLine(4, fact.Evidence{Path: e.Path, Line: e.Line, Call: e.Call, Value: e.Value})
	}
}

// wholeFact writes a value on the line of its address where it fits, and below
// it where it does not.
func (p *page) wholeFact(address, sign, value string) {
	value = p.clean(value)
	if columns(address)+columns(sign)+columns(value) <= p.width {
		p.raw(address + sign + value)
		return
	}
	p.raw(address + sign)
	for _, line := range wrap(value, p.width-2) {
		p.raw("  " + line)
	}
}

// Set returns the facts for lookups.
func (f Facts) Set() fact.Set { return fact.NewSet(f.Facts) }

// String names the document in messages.
func (f Facts) String() string {
	return fmt.Sprintf("%d facts of %s", len(f.Facts), f.Target)
}
