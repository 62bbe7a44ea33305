// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"io"
	"slices"
)

// WriteText writes the run for a person: the preflight, one line for each
// node, what the kernels reported, and why it failed if it did.
func (r Run) WriteText(w io.Writer, opt Options) error {
	p := newPage(opt)
	p.heading(fmt.Sprintf("Bulkhead %s: pipeline %s", r.Tool.Version, r.Pipeline))
	p.blank()
	p.preflight(r.Preflight)
	p.nodes(r.Nodes)
	p.files(r)
	for _, n := range r.Nodes {
		p.nodeReport(r.untold(n))
	}
	if opt.Verbose {
		p.plugins(r.Plugins)
	}
	p.notes(r.Diagnostics)
	if r.Error != nil {
		p.runError(*r.Error)
		p.blank()
	}
	p.raw(p.mark(r.Status, 0) + cut(p.clean(fmt.Sprintf(": pipeline %s, %s, %s",
		r.Pipeline, plural(len(r.Nodes), "node"), duration(r.DurationMS))), p.width-len("timed-out")))
	return p.flush(w, "the run")
}

// untold is a node without the diagnostics that the error at the end of the page
// tells in full.
func (r Run) untold(n Node) Node {
	if r.Error == nil {
		return n
	}
	n.Diagnostics = slices.DeleteFunc(slices.Clone(n.Diagnostics), func(d Diagnostic) bool {
		return slices.ContainsFunc(r.Error.Diagnostics, func(e Diagnostic) bool { return e.Summary == d.Summary && e.Detail == d.Detail })
	})
	return n
}

// runError writes why the run failed: the diagnostics alone where the first one says
// what the error says.
func (p *page) runError(e ErrorInfo) {
	if len(e.Diagnostics) == 0 || e.Detail != "" || e.Diagnostics[0].Summary != e.Summary {
		p.errorInfo(e)
		return
	}
	for i, d := range e.Diagnostics {
		if i > 0 {
			p.blank()
		}
		p.message(d)
	}
}

// preflight writes one line, and the root causes where there are some.
func (p *page) preflight(f *Preflight) {
	if f == nil {
		return
	}
	p.raw("Preflight " + p.mark(f.Summary.Worst, 0) + cut(p.clean(": suite "+f.Suite+". "+counts(f.Summary)+"."), p.width-20))
	for i, cause := range f.RootCauses {
		if i == maxCompact && !p.opt.Verbose {
			p.line(2, fmt.Sprintf("and %d more with -v", len(f.RootCauses)-i))
			break
		}
		p.raw("  " + p.mark(cause.Severity, 7) + "  " + cut(p.clean(titled(cause.Title, cause.Subject)), p.width-11))
		p.line(11, "bulkhead explain "+cause.Code)
	}
	p.blank()
}

// nodes writes the table of nodes.
func (p *page) nodes(nodes []Node) {
	if len(nodes) == 0 {
		return
	}
	t := table{
		heads: []string{"node", "use", "status", "rows in", "out", "dropped", "time"},
		right: []bool{false, false, false, true, true, true, true},
		keep:  7,
	}
	for _, n := range nodes {
		status := n.Status
		if n.Cache == "hit" {
			status = "cached"
		}
		t.add(n.Name, n.Use, status, fmt.Sprint(n.RowsIn), fmt.Sprint(n.RowsOut), fmt.Sprint(n.RowsDropped+n.RowsRejected), duration(n.WallMS))
	}
	p.table(0, t)
	p.blank()
	p.reasons(nodes)
}

// files says what the sinks wrote, and what was taken back.
func (p *page) files(r Run) {
	for _, s := range r.Sinks {
		p.line(0, fmt.Sprintf("%s: %s, %s in %s", s.Node, plural(int(s.Rows), "row"), size(s.Bytes), s.Path))
		if s.Replaced > 0 {
			p.line(1, plural(int(s.Replaced), "value")+" that the format does not have became null")
		}
	}
	for _, u := range r.Undone {
		text := u.Node + ": taken back"
		if u.Problem != "" {
			text = u.Node + ": could not be taken back: " + u.Problem
		}
		p.hanging(0, "", text)
	}
	if len(r.Sinks)+len(r.Undone) > 0 {
		p.blank()
	}
}

// reasons says why nodes are not ok.
func (p *page) reasons(nodes []Node) {
	some := false
	for _, n := range nodes {
		if n.Status != RunOK && n.Reason != "" {
			p.hanging(0, cut(p.clean(n.Name), p.width/2)+": ", n.Reason)
			some = true
		}
	}
	if some {
		p.blank()
	}
}

// nodeReport writes what the kernel of a node said, and with Verbose what the
// host measured.
func (p *page) nodeReport(n Node) {
	o, _ := decode(n.Report).(object)
	if len(o) > 0 || p.opt.Verbose {
		p.heading(titled(n.Name, n.Use))
		p.measures(n)
		p.kernelReport(o)
		p.blank()
	}
	p.notes(mapped(n.Diagnostics, func(d Diagnostic) Diagnostic {
		d.Summary = n.Name + ": " + d.Summary
		return d
	}))
}

func (p *page) measures(n Node) {
	if !p.opt.Verbose {
		return
	}
	p.line(2, fmt.Sprintf("%s in, %s out, %s", size(n.BytesIn), size(n.BytesOut), plural(n.Attempts, "attempt")))
	if n.PeakRSSBytes > 0 {
		p.line(2, fmt.Sprintf("%s of processor time, %s of memory at most", duration(n.CPUMS), size(int64(n.PeakRSSBytes))))
	}
	if n.State != nil {
		p.line(2, fmt.Sprintf("state %s, sha256 %s", size(n.State.Bytes), n.State.SHA256))
	}
}
