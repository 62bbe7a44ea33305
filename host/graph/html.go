// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"sync"
	"time"
)

//go:embed page/page.css
var pageStyle string

//go:embed page/page.js
var pageScript string

//go:embed page/page.tmpl
var pageSource string

// pageTemplate is parsed for the first page only: most graphs go to a terminal.
var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Parse(pageSource))
})

func wholeStyle() string { return colourStyle + graphStyle + pageStyle }

// policy lets the page show its own style, run its own script, and do nothing
// else: no picture, no font, no connection, no form.
func policy() string {
	return fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; script-src 'sha256-%s'; base-uri 'none'; form-action 'none'", hashOf(wholeStyle()), hashOf(pageScript))
}

func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// page is what the template shows. Every text in it is clean.
type page struct {
	Policy, Title, Counts, Version, NodeCount, EdgeCount, CriticalTime string

	Style    template.CSS
	Script   template.JS
	Drawing  template.HTML
	Legend   []pageLegend
	Critical []pageNode
	Nodes    []pageNode
	Edges    []pageEdge
	// Groups and Ran tell whether their columns say anything.
	Groups, Ran, Plain bool
}

type pageLegend struct {
	Picture template.HTML
	Word    string
}

// pageNode is a row; texts are empty where nothing is known.
type pageNode struct {
	Number                                                                    int
	Name, Detail, Family, Group, Class, Status, Wall, CPU, Peak, Cache, Share string
	Notes                                                                     []string
	Critical                                                                  bool
}

type pageEdge struct{ From, To, Carries string }

func writeHTML(b *bytes.Buffer, g *Graph, o Options) error {
	var drawing bytes.Buffer
	s, err := newSketch(&drawing, g)
	if err != nil {
		return err
	}
	s.inline()
	p := page{
		Policy: policy(), Title: title(g), Counts: s.counts(), Version: clean(o.Version), Plain: s.layout.Plain,
		NodeCount: plural(len(g.Nodes), "node"), EdgeCount: plural(len(g.Edges), "edge"),
		Style: template.CSS(wholeStyle()), Script: template.JS(pageScript), Drawing: template.HTML(drawing.String()),
	}
	p.fill(s)
	if err := pageTemplate().Execute(b, p); err != nil {
		return fmt.Errorf("writing the graph as HTML: %w", err)
	}
	return nil
}

// inline writes the drawing for a page, which has its own style and head.
func (s *sketch) inline() {
	w, h := px(s.layout.Width), px(s.layout.Height)
	fmt.Fprintf(s.b, "<svg class=\"graph\" viewBox=\"0 0 %s %s\" width=\"%s\" height=\"%s\" role=\"graphics-document\" aria-labelledby=\"graph-title\" aria-describedby=\"graph-desc\">\n", w, h, w, h)
	s.about()
	s.body()
	s.b.WriteString("</svg>\n")
}

func (p *page) fill(s *sketch) {
	for _, item := range s.legend() {
		p.Legend = append(p.Legend, pageLegend{template.HTML(item.picture), item.word})
	}
	for i := range s.g.Nodes {
		n := &s.g.Nodes[i]
		p.Nodes = append(p.Nodes, pageRow(i, n))
		p.Groups = p.Groups || n.Group != ""
		p.Ran = p.Ran || n.Status != "" || n.Wall > 0
	}
	p.fillCritical(s)
	for i := range s.g.Edges {
		e := &s.g.Edges[i]
		from, to := &s.g.Nodes[s.byID[e.From]], &s.g.Nodes[s.byID[e.To]]
		p.Edges = append(p.Edges, pageEdge{clean(from.label()), clean(to.label()), e.carries()})
	}
}

func (p *page) fillCritical(s *sketch) {
	path := criticalOf(s.g)
	var total time.Duration
	for _, n := range path {
		total += n.Wall
	}
	p.CriticalTime = duration(total)
	for _, n := range path {
		row := p.Nodes[s.byID[n.ID]]
		if total > 0 {
			row.Share = fmt.Sprintf("%.0f %%", 100*n.Wall.Seconds()/total.Seconds())
		}
		p.Critical = append(p.Critical, row)
	}
}

func pageRow(i int, n *Node) pageNode {
	row := pageNode{
		Number: i, Name: clean(n.label()), Detail: clean(n.Detail), Family: n.family(), Group: clean(n.Group),
		Class: markOf(n.Status).class, Status: clean(n.Status), Cache: clean(n.Cache), Critical: n.Critical,
	}
	if n.Status != "" {
		row.Status = markOf(n.Status).sign + " " + row.Status
	}
	if n.Wall > 0 {
		row.Wall = duration(n.Wall)
	}
	if n.CPU > 0 {
		row.CPU = duration(n.CPU)
	}
	if n.PeakBytes > 0 {
		row.Peak = size(n.PeakBytes)
	}
	for _, note := range n.Notes {
		if note = clean(note); note != "" {
			row.Notes = append(row.Notes, note)
		}
	}
	return row
}
