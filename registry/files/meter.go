// SPDX-License-Identifier: Apache-2.0

package files

import "time"

// meter reports the progress of a download, and not too often.
type meter struct {
	d      *download
	total  int64
	begun  time.Time
	before int64     // bytes that were there at the beginning
	said   time.Time // the last report
}

func newMeter(d *download) *meter {
	return &meter{d: d, total: -1, begun: time.Now(), before: d.part.size}
}

// Write counts bytes that the partial file has already.
func (m *meter) Write(p []byte) (int, error) {
	if now := time.Now(); now.Sub(m.said) >= 100*time.Millisecond {
		m.said = now
		m.say(now)
	}
	return len(p), nil
}

// last reports the end.
func (m *meter) last() {
	m.total = m.d.part.size
	m.say(time.Now())
}

func (m *meter) say(now time.Time) {
	if m.d.Progress == nil {
		return
	}
	total := m.total
	if m.d.Size > 0 {
		total = m.d.Size
	}
	came := max(0, m.d.part.size-m.before)
	rate := float64(came) / max(now.Sub(m.begun).Seconds(), 1e-3)
	m.d.Progress(Progress{Name: m.d.name, Bytes: m.d.part.size, Total: total, Rate: rate})
}
