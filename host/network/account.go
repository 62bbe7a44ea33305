// SPDX-License-Identifier: Apache-2.0

package network

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/bulkhead-ml/bulkhead/sdk/network"
	"github.com/bulkhead-ml/bulkhead/sdk/network/door"
)

// maxDenials bounds how many different denials a door remembers. The rest are
// counted together.
const maxDenials = 64

// Denial is something that a plugin asked for and did not get.
type Denial struct {
	// Address is "HOST:PORT" in its single form, a quoted text if it has none,
	// and empty where the plugin broke the protocol and for further denials
	// beyond the first 64 kinds.
	Address string
	// Count is how often it was asked for.
	Count int
	// Reason says why in words, for the last time.
	Reason string
	// Status is NotGranted, Forbidden, Busy or Unsupported; Connected, which is
	// zero, for a broken protocol and for further denials.
	Status door.Status
}

// Grant is the grant that would allow what was denied, as it stands in a
// manifest, or empty where no grant would.
func (d Denial) Grant() string {
	if d.Status != door.NotGranted {
		return ""
	}
	rule, err := network.ParseRule(d.Address)
	if err != nil {
		return ""
	}
	return rule.Grant()
}

// ledger counts denials, in bounded space.
type ledger struct {
	mu      sync.Mutex
	denials []Denial
	further int
}

// add counts a denial and reports whether it is the first of its kind.
func (l *ledger) add(denied Denial) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, have := range l.denials {
		if have.Address == denied.Address && have.Status == denied.Status {
			l.denials[i].Count++
			l.denials[i].Reason = denied.Reason
			return false
		}
	}
	if len(l.denials) == maxDenials {
		l.further++
		return false
	}
	l.denials = append(l.denials, denied)
	return true
}

// list copies what was counted.
func (l *ledger) list() []Denial {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := slices.Clone(l.denials)
	if l.further > 0 {
		out = append(out, Denial{Count: l.further, Reason: "further requests, for other places"})
	}
	return out
}

// Denials lists what the plugin asked for in vain, in the order of the first
// time. It may be called at any time, also after Close.
func (d *Door) Denials() []Denial { return d.denials.list() }

// deny counts a denial and logs the first of its kind.
func (d *Door) deny(address string, status door.Status, reason string) {
	denied := Denial{Address: address, Count: 1, Reason: reason, Status: status}
	if d.denials.add(denied) {
		d.options.Log("network denied", "address", address, "reason", reason, "grant", denied.Grant())
	}
}

// usage counts for one rule.
type usage struct{ dials, in, out atomic.Uint64 }

// Usage is what a plugin did with one rule.
type Usage struct {
	Rule     network.Rule
	Dials    uint64 // connections made
	BytesIn  uint64 // from the network to the plugin
	BytesOut uint64 // from the plugin to the network
}

// Usage lists every rule with what was done by it until now, in the order in
// which the rules were given. It may be called at any time, also after Close.
func (d *Door) Usage() []Usage {
	out := make([]Usage, 0, len(d.order))
	for _, rule := range d.order {
		u := d.usage[rule]
		out = append(out, Usage{Rule: rule, Dials: u.dials.Load(), BytesIn: u.in.Load(), BytesOut: u.out.Load()})
	}
	return out
}
