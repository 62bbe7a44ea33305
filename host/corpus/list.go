// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/bulkhead-ml/bulkhead/host/report"
)

// List is the table of contents of a corpus.
type List struct {
	SchemaVersion string   `json:"schema_version"`
	Machines      []Listed `json:"machines"`
}

// Listed is a machine in a List.
type Listed struct {
	Name    string `json:"name"`
	Comment string `json:"comment"`
	Expect
}

// NewList makes the table of contents of machines.
func NewList(machines []Machine) List {
	list := List{SchemaVersion: report.SchemaVersion, Machines: []Listed{}}
	for _, m := range machines {
		list.Machines = append(list.Machines, Listed{Name: m.Name, Comment: m.Comment, Expect: m.Expect})
	}
	return list
}

// WriteJSON writes the list as one JSON document.
func (l List) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(l)
}

// WriteText writes a line for each machine: name, system, what is wrong.
func (l List) WriteText(w io.Writer, _ report.Options) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, m := range l.Machines {
		what := m.RootCause
		if m.Healthy {
			what = "healthy"
		}
		title, _, _ := strings.Cut(m.Comment, "\n")
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", m.Name, m.Distribution, what, report.CleanLine(title))
	}
	return t.Flush()
}
