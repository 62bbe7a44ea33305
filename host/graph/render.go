// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// Format of a drawing.
type Format string

// Formats of Render.
const (
	// SVG is one picture that needs nothing else.
	SVG Format = "svg"
	// HTML is one page with that picture, tools for it, and tables.
	HTML Format = "html"
	// DOT is for Graphviz.
	DOT Format = "dot"
	// Mermaid is a flowchart for Markdown.
	Mermaid Format = "mermaid"
	// Terminal is text of a bounded width.
	Terminal Format = "terminal"
)

// Formats lists every format, for a flag.
func Formats() []Format { return []Format{Terminal, SVG, HTML, DOT, Mermaid} }

// Options of Render. The zero value is fine.
type Options struct {
	// Width of a terminal in columns, 80 when it is 0, and at least 40.
	Width int
	// ASCII draws a terminal's lines with -, | and +.
	ASCII bool
	// Version of the program, for the foot of a page; empty leaves it out.
	Version string
}

// Render writes g. It marks nothing: call Critical first. The error is an
// *Error when the graph has doubled ids or edges without ends, else that of w,
// or says that the format is unknown.
func Render(w io.Writer, g *Graph, format Format, o Options) error {
	write, ok := map[Format]func(*bytes.Buffer, *Graph, Options) error{
		SVG: writeSVG, HTML: writeHTML, DOT: writeDOT, Mermaid: writeMermaid, Terminal: writeTerminal,
	}[format]
	if !ok {
		return fmt.Errorf("unknown graph format %q: use one of %s", string(format), formatNames())
	}
	var b bytes.Buffer
	if err := write(&b, g, o); err != nil {
		return err
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("writing the graph: %w", err)
	}
	return nil
}

func formatNames() string {
	var names []string
	for _, f := range Formats() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}
