// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// event is what a log says, with where it stands.
type event struct {
	facts.LogEvent
	seen []fact.Evidence
}

// events returns those of one kind, one for each number, GPU and boot.
func (s *scene) events(kind string) []event {
	list, _ := fact.Get[[]facts.LogEvent](s.Facts, facts.LogEvents)
	evidence := s.Evidence(facts.LogEvents)
	var out []event
	for i, e := range list {
		if e.Kind != kind && (e.Kind != "" || kind != facts.EventXid) {
			continue
		}
		e.Count, e.PCI = max(e.Count, 1), canonical(e.PCI)
		next := event{e, evidence}
		if len(evidence) == len(list) {
			next.seen = evidence[i : i+1]
		}
		out = merge(out, next)
	}
	return out
}

// canonical spells a PCI address as sysfs does: "0000:01:00.0".
func canonical(address string) string {
	address = strings.ToLower(strings.TrimPrefix(address, "PCI:"))
	if address != "" && !strings.Contains(address, ".") {
		address += ".0"
	}
	if strings.HasPrefix(address, "00000000:") {
		address = address[4:]
	}
	return address
}

// merge adds an event to those of the same number, GPU and boot; the newer
// text stands.
func merge(list []event, e event) []event {
	i := slices.IndexFunc(list, func(o event) bool { return o.Xid == e.Xid && o.PCI == e.PCI && o.Boot == e.Boot })
	if i < 0 {
		return append(list, e)
	}
	e.Count += list[i].Count
	list[i] = e
	return list
}

// now reports whether an event is about the machine as it runs.
func (e event) now() bool { return e.Boot == facts.BootNow || e.Boot == "" }

// current returns the events of a kind that happened since the machine and the
// driver were started.
func (s *scene) current(kind string) []event {
	return slices.DeleteFunc(s.events(kind), func(e event) bool { return !e.now() })
}

// age is how long ago an event was; false when the log does not tell.
func (s *scene) age(e event) (time.Duration, bool) {
	uptime, known := fact.Get[float64](s.Facts, facts.Uptime)
	if !known || e.SinceBoot == nil || uptime < *e.SinceBoot {
		return 0, false
	}
	return time.Duration((uptime - *e.SinceBoot) * float64(time.Second)), true
}

// when words the time of an event and how often it was seen.
func (s *scene) when(e event) string {
	out := "once"
	if e.Count > 1 {
		out = strconv.Itoa(e.Count) + " times, the last"
	}
	age, known := s.age(e)
	switch {
	case known && e.now():
		out += " " + ago(age)
	case e.Time != "":
		out += " on " + e.Time
	case e.SinceBoot != nil:
		out += fmt.Sprintf(" %.0f seconds after the machine started", *e.SinceBoot)
	}
	switch e.Boot {
	case facts.BootBefore:
		out += ", before the machine was last started"
	case facts.BootReload:
		out += ", before the driver was last loaded"
	case facts.BootUnknown:
		out += "; the log does not show whether the machine was started since"
	}
	return out
}

// ago words a duration coarsely, so that two reports of one fault agree.
func ago(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return "within the last two minutes"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}

// dated lowers what a line of a log means when it does not speak about now:
// what was before the last start is worth knowing at most, and what may have
// been is doubtful.
func dated(e event, severity check.Severity) (check.Severity, float64) {
	switch {
	case e.now():
		return severity, 0.95
	case e.Boot != facts.BootUnknown:
		return check.Info, 0.9
	case severity == check.Error:
		return check.Warning, 0.5
	}
	return check.Info, 0.5
}
