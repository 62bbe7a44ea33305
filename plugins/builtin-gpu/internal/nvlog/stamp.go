// SPDX-License-Identifier: Apache-2.0

package nvlog

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// stamp is what stands before a message.
type stamp struct {
	time  string   // a date as it is written, or ""
	since *float64 // seconds since boot
}

var (
	priority = pattern.Lazy(`^<\d{1,3}>`)
	record   = pattern.Lazy(`^\d{1,3},\d{1,20},(\d{1,18}),[^;]{0,64};`)
	brackets = pattern.Lazy(`\[\s{0,11}(\d{1,10}\.\d{1,6})\]\s*$`)
	calendar = pattern.Lazy(`\[([A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4})\]\s*$`)
	isoDate  = pattern.Lazy(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[^ ]{0,16}`)
	dayTime  = pattern.Lazy(`^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d`)
	caller   = pattern.Lazy(`\[\s{0,11}[TC]\d{1,10}\]\s*$`)
	onHost   = pattern.Lazy(`^\[\s{0,11}(\d{1,10}\.\d{1,6})\] (\S{1,255} kernel:\s*)$`)
	facility = pattern.Lazy(`^kern\s{0,4}:\w{3,6}\s{0,4}:\s*`)
)

// starts are the words with which the messages of interest begin.
var starts = []string{"NVRM: ", "nvidia-nvswitch", "Linux version "}

// split takes a line apart; false when its message is not the kernel's.
func split(line string) (stamp, string, bool) {
	at := -1
	for _, word := range starts {
		if i := strings.Index(line, word); i >= 0 && (at < 0 || i < at) {
			at = i
		}
	}
	if at < 0 {
		return stamp{}, "", false
	}
	// A log daemon writes the line breaks of a message as #012.
	message := strings.Join(strings.Fields(strings.ReplaceAll(line[at:], "#012NVRM:", " ")), " ")
	s, rest := readStamp(line[:at])
	return s, strings.TrimSpace(message), kernels(rest)
}

// readStamp takes the stamps off the text before a message.
func readStamp(text string) (s stamp, rest string) {
	rest = facility().ReplaceAllString(priority().ReplaceAllString(text, ""), "")
	if m := record().FindStringSubmatch(rest); m != nil {
		if micro, err := strconv.ParseFloat(m[1], 64); err == nil {
			seconds := micro / 1e6
			s.since = &seconds
		}
		return s, rest[len(m[0]):]
	}
	// Kernels with PRINTK_CALLER write "[   12.345678][  T123] ".
	rest = caller().ReplaceAllString(rest, "")
	if m := onHost().FindStringSubmatch(rest); m != nil { // journalctl -o short-monotonic
		if seconds, err := strconv.ParseFloat(m[1], 64); err == nil {
			s.since = &seconds
		}
		return s, " " + strings.TrimSpace(m[2])
	}
	if m := brackets().FindStringSubmatchIndex(rest); m != nil {
		if seconds, err := strconv.ParseFloat(rest[m[2]:m[3]], 64); err == nil {
			s.since = &seconds
		}
		rest = rest[:m[0]]
	}
	if m := calendar().FindStringSubmatchIndex(rest); m != nil {
		s.time, rest = rest[m[2]:m[3]], rest[:m[0]]
	}
	for _, date := range []*regexp.Regexp{isoDate(), dayTime()} {
		if found := date.FindString(rest); found != "" {
			s.time = found
		}
	}
	return s, strings.TrimSpace(rest)
}

// kernels reports whether what is left before a message says that the kernel
// wrote it: nothing, or a date and host that end in the tag "kernel:".
func kernels(rest string) bool {
	return strings.TrimSpace(rest) == "" || strings.HasSuffix(rest, " kernel:")
}
