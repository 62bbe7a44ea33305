// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/hashicorp/go-hclog"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// Denials lists what the plugin tried and was refused so far, by its sandbox and
// by its attendant, one entry for each kind, in a fixed order. Where the level
// cannot tell, the list is empty. It is complete when Done is closed.
func (p *Process) Denials() []sandbox.Denial {
	var all []sandbox.Denial
	if process := p.runner.current(); process != nil {
		all = process.Denials()
	}
	all = append(slices.Clone(all), p.attendant.Refused()...)
	return mergeDenials(all)
}

// mergeDenials adds up the denials of one kind.
func mergeDenials(all []sandbox.Denial) []sandbox.Denial {
	type kind struct{ call, grant string }
	counts := make(map[kind]int)
	for _, d := range all {
		counts[kind{d.Call, d.Grant}] += d.Count
	}
	var merged []sandbox.Denial
	for k, n := range counts {
		merged = append(merged, sandbox.Denial{Call: k.call, Grant: k.grant, Count: n})
	}
	slices.SortFunc(merged, func(a, b sandbox.Denial) int {
		return cmp.Or(cmp.Compare(a.Call, b.Call), cmp.Compare(a.Grant, b.Grant))
	})
	return merged
}

// cameUp keeps what a plugin was refused until it served. It was only probing, as
// gRPC for Python does with a socket to find out whether ports can be shared.
func (p *Process) cameUp() {
	probed := make(map[string]int)
	for _, d := range p.Denials() {
		probed[denialKey(d)] = d.Count
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.probed = probed
}

func denialKey(d sandbox.Denial) string { return d.Call + "\x00" + d.Grant }

// tellDenials logs each kind of denial once in a plugin's life. It is called when
// a call failed and when the plugin is gone: that is when somebody asks why. What a
// plugin came up without is no answer.
func (p *Process) tellDenials(level hclog.Level, denials []sandbox.Denial) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range denials {
		key := denialKey(d)
		if p.told[key] || level > hclog.Debug && d.Count <= p.probed[key] {
			continue
		}
		if p.told == nil {
			p.told = make(map[string]bool)
		}
		p.told[key] = true
		p.runner.logs.logger.Log(level, denialText(d))
	}
}

// denialText says what was refused and what would allow it.
func denialText(d sandbox.Denial) string {
	text := "the sandbox refused " + sanitize(clip(d.Call, tailLine))
	if d.Count > 1 {
		text += fmt.Sprintf(" (%d times)", d.Count)
	}
	if d.Grant == "" {
		return text + ", which no grant allows"
	}
	return text + fmt.Sprintf("; the grant %q would allow it", d.Grant)
}
