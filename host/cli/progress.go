// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"sync"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/pipeline"
	"github.com/bulkhead-ml/bulkhead/host/report"
)

// progress shows on one line of standard error what a run does, how far it is
// and how long it will take. It keeps quiet where nobody watches, and during
// the first moments of a run that is over soon.
type progress struct {
	app   *app
	on    bool
	start time.Time

	mu     sync.Mutex
	total  int
	ended  int
	shown  bool
	active map[string]string
}

// quiet is how long a run stays without progress.
const quiet = 300 * time.Millisecond

func (a *app) progress(plan *pipeline.Plan) *progress {
	return &progress{app: a, on: a.interactive(), start: time.Now(), total: len(plan.Nodes), active: map[string]string{}}
}

func (p *progress) events() pipeline.Events {
	return pipeline.Events{
		NodeStarted: func(name string) { p.update(func() { p.active[name] = "" }) },
		Progress:    func(name string, s pipeline.Progress) { p.update(func() { p.active[name] = describeProgress(s) }) },
		NodeEnded: func(n *pipeline.NodeResult) {
			p.app.log.Debug("node ended", "node", n.Name, "status", n.Status, "wall", n.Wall)
			p.update(func() { p.ended++; delete(p.active, n.Name) })
		},
	}
}

func (p *progress) update(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	if !p.on || time.Since(p.start) < quiet {
		return
	}
	line := fmt.Sprintf("%d of %d nodes%s", p.ended, p.total, left(p.start, p.ended, p.total))
	for name, what := range p.active {
		line += "  " + name + what
	}
	p.shown = true
	fmt.Fprintf(p.app.stderr, "\r\x1b[K%.78s", report.CleanLine(line))
}

// done removes the line.
func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.app.stderr, "\r\x1b[K")
	}
	p.on = false
}

func describeProgress(s pipeline.Progress) string {
	text := " " + s.Call
	if s.Fraction >= 0 {
		text += fmt.Sprintf(" %.0f %%", 100*s.Fraction)
	}
	if s.Message != "" {
		text += ": " + s.Message
	}
	return text
}
