// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// vendorAMD is AMD's number in the PCI register of vendors.
const vendorAMD = "1002"

// Classes by which AMD's accelerators without a display call themselves. Radeon
// cards and the graphics of its processors are of classVGA: beside an NVIDIA GPU
// they say nothing about what a user computes on.
const (
	classDisplay     = "0380" // other display controller
	classAccelerator = "1200" // processing accelerator
)

// accelerators are AMD's Instinct cards on the bus.
type accelerators struct {
	addresses []string
	seen      []fact.Evidence
}

func (a *accelerators) look(m *machine, dir, address string) {
	class := hexWord(m.ReadText(dir + "/class"))
	if strings.HasPrefix(class, classDisplay) || strings.HasPrefix(class, classAccelerator) {
		a.addresses = append(a.addresses, strings.ToLower(address))
		a.seen = append(a.seen, fact.File(dir+"/class", 1, "0x"+class))
	}
}

func (a *accelerators) add(r *fact.Recorder) {
	if len(a.addresses) > 0 {
		r.Add(facts.AMD, a.addresses, a.seen...)
	}
}
