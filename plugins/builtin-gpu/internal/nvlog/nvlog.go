// SPDX-License-Identifier: Apache-2.0

// Package nvlog reads what NVIDIA's drivers and the fabric manager write into
// logs: the kernel's ring buffer (syslog(2), dmesg, /dev/kmsg) and the text
// files that log daemons make of it.
//
// A line is a stamp, the words "NVRM:" (the GPU's driver) or
// "nvidia-nvswitchN:" (the switches' driver), and a message:
//
//	<4>[ 12.345678] NVRM: Xid (PCI:0000:10:1c): 79, pid=1, GPU has fallen off the bus.
//	Nov 22 05:00:01 host kernel: [ 12.345678] NVRM: GPU 0000:01:00.0: RmInitAdapter failed! (0x22:0x56:884)
//
// The stamp may be a syslog priority, seconds since boot, a date, or what
// journalctl writes; the message must be the kernel's, since any program may
// write the same words into a log file. Some messages run over several lines.
//
// An event counts as current when nothing in the log says that the machine was
// started ("Linux version"), or the driver loaded, after it. Equal events are
// joined into one that has the newest text and a count; the order is that of
// the newest lines.
//
// Logs are foreign bytes: long lines are cut, and what does not fit the format
// gives no event.
package nvlog

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
)

// Source says how a log begins.
type Source int

// Ring is the kernel's own buffer, which holds nothing older than the boot.
// File is a text file that may reach back over many.
const (
	Ring Source = iota
	File
)

// Event is what one or more equal lines say.
type Event struct {
	facts.LogEvent
	// Line of the newest, counted from 1, and that line.
	Line int
	Raw  string
}

const (
	maxLine   = 1024 // bytes of a line that are looked at
	maxEvents = 256  // different events that are kept, the newest
	// settle is how long before the driver's own greeting, in seconds, its
	// messages still belong to the same start: it greets after it probed.
	settle = 10
)

// Parse reads the events of a log, oldest line first.
func Parse(text string, source Source) []Event {
	r := reader{source: source}
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		if strings.Contains(line, "NVRM:") || strings.Contains(line, "SXid") || strings.Contains(line, "Linux version") {
			r.line(number, line[:min(len(line), maxLine)])
		}
	}
	return r.result()
}

// reader goes through a log once.
type reader struct {
	source Source
	events []Event
	open   *Event // the first line of a message that has more
	lines  int    // how many lines the open message has
	boots  int    // marks of a boot that were seen
	bootAt int    // how many events stand before the last of them
	loads  []load
}

// load is a greeting of the driver.
type load struct {
	since *float64
	after int // how many events stand before it
}

func (r *reader) line(number int, raw string) {
	stamp, message, ok := split(raw)
	switch {
	case !ok:
	case strings.HasPrefix(message, "Linux version "):
		r.boots, r.bootAt, r.open = r.boots+1, len(r.events), nil
	case strings.HasPrefix(message, "NVRM: loading NVIDIA UNIX"):
		r.loads = append(r.loads, load{stamp.since, len(r.events)})
	default:
		r.message(Event{Line: number, Raw: strings.TrimSpace(raw), LogEvent: facts.LogEvent{Time: stamp.time, SinceBoot: stamp.since}}, message)
	}
}

// message adds what a line says, together with the lines before it that belong
// to the same message.
func (r *reader) message(e Event, message string) {
	const begin = "NVRM: The NVIDIA GPU "
	if strings.HasPrefix(message, begin) {
		r.open, r.lines = &e, 0
	}
	if r.open != nil && !strings.Contains(message, "Xid (") {
		r.join(strings.TrimPrefix(message, "NVRM: "))
		return
	}
	if classify(&e.LogEvent, message) {
		r.events = append(r.events, e)
	}
}

// maxJoined is how many lines the longest known message has.
const maxJoined = 6

// join adds a line to the open message and closes it when it is understood.
func (r *reader) join(text string) {
	e := r.open
	e.Text = strings.TrimSpace(e.Text + " " + text)
	if r.lines++; r.lines > maxJoined {
		r.open = nil
		return
	}
	whole := "NVRM: " + e.Text
	if classify(&e.LogEvent, whole) {
		r.events = append(r.events, *e)
		r.open = nil
	}
}

func (r *reader) result() []Event {
	for i := range r.events {
		r.events[i].Boot = r.boot(i)
	}
	joined := combine(r.events)
	return joined[max(0, len(joined)-maxEvents):]
}

// boot tells when event i happened.
func (r *reader) boot(i int) string {
	switch {
	case i < r.bootAt:
		return facts.BootBefore
	case r.boots == 0 && r.source == File:
		return facts.BootUnknown
	}
	e := r.events[i]
	for _, l := range r.loads {
		if l.after > i && l.since != nil && e.SinceBoot != nil && *e.SinceBoot+settle < *l.since {
			return facts.BootReload
		}
	}
	return facts.BootNow
}

// combine joins events of one kind, number, GPU and boot.
func combine(events []Event) []Event {
	type key struct {
		kind, pci, boot string
		xid             int
	}
	at := map[key]int{}
	var out []Event
	for _, e := range events {
		k := key{e.Kind, e.PCI, e.Boot, e.Xid}
		i, known := at[k]
		if !known {
			i = len(out)
			at[k] = i
			out = append(out, Event{})
		}
		e.Count = out[i].Count + 1
		out[i] = e
	}
	slices.SortStableFunc(out, func(a, b Event) int { return cmp.Compare(a.Line, b.Line) })
	return out
}
