// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/nvlog"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

const (
	ringBuffer = "/dev/kmsg"
	uptimeFile = "/proc/uptime"
	fabricLog  = "/var/log/fabricmanager.log"
)

// kernelFiles are where log daemons keep the kernel's messages, the most
// specific first.
var kernelFiles = []string{"/var/log/kern.log", "/var/log/syslog", "/var/log/messages", "/var/log/dmesg"}

const (
	maxLogTail      = 1 << 20 // bytes of the end of a log file
	maxLogEvidence  = 64      // lines that are quoted
	maxUptimeLength = 64
)

// kernelLog records the driver's messages: from the ring buffer where it can
// be read, else from the end of the first log file that there is.
func (m *machine) kernelLog() {
	if m.KernelLog != "" {
		text := m.KernelLog[max(0, len(m.KernelLog)-fact.MaxKernelLog):]
		m.logEvents(ringBuffer, 0, nvlog.Parse(text, nvlog.Ring))
		return
	}
	for _, name := range kernelFiles {
		text, skipped, err := m.tail(name)
		if err != nil {
			continue
		}
		events := nvlog.Parse(text, nvlog.File)
		if m.Live && len(events) > 0 {
			m.dateByClock(events)
		}
		m.logEvents(name, skipped, events)
		return
	}
	if m.KernelLogUnknown != "" {
		m.record.Unknown(facts.LogEvents, m.KernelLogUnknown, fact.File(ringBuffer, 0, ""))
	}
}

// dateByClock dates events by the clock and the time that the machine has been
// running.
func (m *machine) dateByClock(events []nvlog.Event) {
	m.record.Live("the clock, for the start of the machine")
	if seconds, ok := parseUptime(m.head(uptimeFile, maxUptimeLength)); ok {
		dateByClock(events, seconds, time.Now())
	}
}

// dateByClock tells of events in a file that shows no start of the machine
// whether they are from before it: by their full date, or since the kernel
// cannot have stamped more seconds than it has been running.
func dateByClock(events []nvlog.Event, uptime float64, now time.Time) {
	started := now.Add(-time.Duration(uptime * float64(time.Second)))
	for i := range events {
		e := &events[i]
		if e.Boot != facts.BootUnknown {
			continue
		}
		written, err := time.Parse(time.RFC3339Nano, e.Time)
		switch {
		case err == nil && !written.Before(started):
			e.Boot = facts.BootNow
		case err == nil, e.SinceBoot != nil && *e.SinceBoot > uptime:
			e.Boot = facts.BootBefore
		}
	}
}

// logEvents records events with the lines that show them. Lines of a file
// whose beginning was skipped have no number.
func (m *machine) logEvents(name string, skipped int64, events []nvlog.Event) {
	out := make([]facts.LogEvent, 0, len(events))
	var seen []fact.Evidence
	for _, e := range events {
		out = append(out, e.LogEvent)
		line := e.Line
		if skipped > 0 {
			line = 0
		}
		seen = append(seen, fact.File(name, line, e.Raw))
	}
	m.uptime(len(events) > 0)
	if len(seen) == 0 {
		seen = []fact.Evidence{fact.File(name, 0, "nothing of the driver's that is a fault")}
	}
	m.record.Add(facts.LogEvents, out, seen[max(0, len(seen)-maxLogEvidence):]...)
}

// uptime records how long the machine has been running, against which the age
// of events is told; without events nobody needs a fact that always changes.
func (m *machine) uptime(wanted bool) {
	if !wanted {
		return
	}
	if seconds, ok := parseUptime(m.head(uptimeFile, maxUptimeLength)); ok {
		m.record.Add(facts.Uptime, seconds, fact.File(uptimeFile, 1, ""))
	}
}

// parseUptime reads the first number of /proc/uptime.
func parseUptime(data []byte) (float64, bool) {
	word, _, _ := strings.Cut(strings.TrimSpace(string(data)), " ")
	seconds, err := strconv.ParseFloat(word, 64)
	return seconds, err == nil && seconds > 0 && seconds < 1e10
}

// tail reads the end of a text file, from the start of a line, and says how
// many bytes before it were not read.
func (m *machine) tail(name string) (text string, skipped int64, err error) {
	f, err := m.regular(name)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > maxLogTail {
		skipped = info.Size() - maxLogTail
		if _, err := f.Seek(skipped, io.SeekStart); err != nil {
			return "", 0, err
		}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxLogTail))
	if err != nil {
		return "", 0, err
	}
	text = string(data)
	if skipped > 0 {
		_, text, _ = strings.Cut(text, "\n")
	}
	return text, skipped, nil
}

// head reads the first bytes of a file, at most n; nil when it cannot be read.
func (m *machine) head(name string, n int64) []byte {
	f, err := m.regular(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, n))
	if err != nil {
		return nil
	}
	return data
}

// regular opens a file that is not a directory.
func (m *machine) regular(name string) (*os.File, error) {
	f, err := m.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || info.IsDir() {
		f.Close()
		return nil, fmt.Errorf("%s is no file", name)
	}
	return f, nil
}

// fabricVersion records the version of the fabric manager on a machine with
// NVSwitch chips: that of its Debian package, and what it said of the driver.
func (m *machine) fabricVersion() {
	if data, err := m.ReadFile(dpkgStatus); err == nil {
		if version, line := fabricPackage(string(data)); version != "" {
			m.record.Add(facts.FabricPkg, version, fact.File(dpkgStatus, line, "nvidia-fabricmanager "+version))
		}
	}
	for _, name := range []string{fabricLog, "/var/log/syslog", "/var/log/messages"} {
		text, skipped, err := m.tail(name)
		if err != nil {
			continue
		}
		if e, ok := nvlog.Fabric(text); ok {
			line := e.Line
			if skipped > 0 {
				line = 0
			}
			m.record.Add(facts.FabricLog, []facts.LogEvent{e.LogEvent}, fact.File(path.Clean(name), line, e.Raw))
			return
		}
	}
}
