// SPDX-License-Identifier: Apache-2.0

package nvlog

import (
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
)

// lost is the number of the Xid for a GPU that has fallen off the bus.
const lost = 79

var (
	xidLine     = pattern.Lazy(`^NVRM: Xid \((?:PCI:)?([0-9a-fA-F:.]{7,20})(?: [^)]{0,64})?\):? (\d{1,4})\b,?(.*)`)
	sxidLine    = pattern.Lazy(`^nvidia-nvswitch\d{1,3}: SXid \((?:PCI:)?([0-9a-fA-F:.]{7,20})\):? (\d{1,6})\b,?(.*)`)
	addressText = pattern.Lazy(`\b(?:([0-9a-fA-F]{4,8}):)?([0-9a-fA-F]{2}):([0-9a-fA-F]{2})(?:\.[0-7])?\b`)
	fabricLine  = pattern.Lazy(`fabric manager NVIDIA GPU driver interface version (\d[\d.]{2,20}\d) don't match with driver version (\d[\d.]{2,20}\d)`)
)

// phrases are the messages without a number, in the order in which they are
// looked for.
var phrases = []struct{ words, kind string }{
	{"requires use of the NVIDIA open kernel modules", facts.EventOpen},
	{"fallen off the bus", facts.EventLost},
	{"RmInitAdapter failed", facts.EventInit},
	{"nvidia.ko because it does not include the required GPU", facts.EventUnserved},
	{"is not supported by the NVIDIA", facts.EventUnserved},
	{"is supported through the NVIDIA", facts.EventUnserved},
	{"Legacy drivers", facts.EventUnserved},
}

// classify fills in an event from its message; false when it is none.
func classify(e *facts.LogEvent, message string) bool {
	if numbered(e, facts.EventXid, xidLine().FindStringSubmatch(message)) || numbered(e, facts.EventSXid, sxidLine().FindStringSubmatch(message)) {
		return true
	}
	text, ok := strings.CutPrefix(message, "NVRM: ")
	if !ok {
		return false
	}
	for _, p := range phrases {
		if strings.Contains(text, p.words) {
			e.Kind, e.PCI, e.Text = p.kind, firstAddress(text), text
			if p.kind == facts.EventLost {
				e.Xid = lost
			}
			return p.kind != facts.EventLost || e.PCI != ""
		}
	}
	return false
}

// numbered fills in an Xid or SXid from what its expression found.
func numbered(e *facts.LogEvent, kind string, match []string) bool {
	if match == nil {
		return false
	}
	pci := firstAddress(match[1])
	n, err := strconv.Atoi(match[2])
	if pci == "" || err != nil || n == 0 {
		return false
	}
	e.Kind, e.PCI, e.Xid, e.Text = kind, pci, n, strings.TrimSpace(match[3])
	return true
}

// firstAddress finds a PCI address and spells it as sysfs does: a domain of
// four digits, lower case, function 0.
func firstAddress(text string) string {
	m := addressText().FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	domain := m[1]
	if len(domain) == 8 && strings.HasPrefix(domain, "0000") {
		domain = domain[4:]
	}
	if domain == "" {
		domain = "0000"
	}
	return strings.ToLower(domain + ":" + m[2] + ":" + m[3] + ".0")
}

// Fabric finds the newest line with which the fabric manager refused the
// driver that it met; false when there is none.
func Fabric(text string) (Event, bool) {
	var out Event
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		line = line[:min(len(line), maxLine)]
		m := fabricLine().FindStringSubmatch(line)
		if m == nil {
			continue
		}
		out = Event{Line: number, Raw: strings.TrimSpace(line), LogEvent: facts.LogEvent{
			Kind: facts.EventFabricVer, Text: m[0], Count: out.Count + 1, Boot: facts.BootUnknown, Manager: m[1], Driver: m[2],
		}}
	}
	return out, out.Count > 0
}
