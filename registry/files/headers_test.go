// SPDX-License-Identifier: Apache-2.0

package files

import (
	"fmt"
	"testing"
	"time"
)

func TestContentRange(t *testing.T) {
	for s, want := range map[string]contentRange{
		"bytes 0-0/1":       {0, 0, 1, false},
		"bytes 5-9/10":      {5, 9, 10, false},
		"bytes 5-9/*":       {5, 9, -1, false},
		"bytes */10":        {0, 0, 10, true},
		"bytes 0-9/0000010": {0, 9, 10, false},
	} {
		if got, ok := parseContentRange(s); !ok || got != want {
			t.Errorf("%q = %+v, %v; want %+v", s, got, ok, want)
		}
	}
	for _, s := range []string{
		"", "bytes", "bytes 5-9", "bytes 9-5/10", "bytes 5-10/10", "bytes */*", "items 0-1/2", "bytes -5/10", "bytes 5-/10", "bytes +1-2/3",
		"bytes 0-1/99999999999999999999", "bytes 0x0-1/2", "bytes 0-1/2, 3-4/5", "bytes  0-1/2", "bytes 0 -1/2", "Bytes 0-1/2",
	} {
		if got, ok := parseContentRange(s); ok {
			t.Errorf("%q is accepted as %+v", s, got)
		}
	}
}

func FuzzContentRange(f *testing.F) {
	f.Add("bytes 5-9/10")
	f.Add("bytes */10")
	f.Add("bytes 5-9/*")
	f.Fuzz(func(t *testing.T, s string) {
		r, ok := parseContentRange(s)
		if !ok {
			return
		}
		if r.first < 0 || r.last < r.first || r.size >= 0 && !r.unsatisfied && r.last >= r.size || r.unsatisfied && r.size < 0 {
			t.Fatalf("%q = %+v makes no sense", s, r)
		}
		if r.size >= 0 && !r.unsatisfied {
			if again, ok := parseContentRange(fmt.Sprintf("bytes %d-%d/%d", r.first, r.last, r.size)); !ok || again != r {
				t.Fatalf("%q = %+v, and written again %+v, %v", s, r, again, ok)
			}
		}
	})
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for s, want := range map[string]time.Duration{
		"":                              0,
		"7":                             7 * time.Second,
		"0":                             0,
		"-7":                            0,
		"soon":                          0,
		"999999999999999999":            365 * 24 * time.Hour,
		"9999999999999999999999":        0,
		"Fri, 02 Jan 2026 03:04:35 GMT": 30 * time.Second,
		"Fri, 02 Jan 2026 03:04:00 GMT": 0,
		"Fri, 02 Jan 9999 03:04:00 GMT": 365 * 24 * time.Hour,
	} {
		if got := retryAfter(s, now); got != want {
			t.Errorf("retryAfter(%q) = %v, want %v", s, got, want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("7")
	f.Add("Fri, 02 Jan 2026 03:04:35 GMT")
	f.Fuzz(func(t *testing.T, s string) {
		if d := retryAfter(s, time.Unix(0, 0)); d < 0 || d > 365*24*time.Hour {
			t.Fatalf("retryAfter(%q) = %v", s, d)
		}
	})
}

func TestStrongTag(t *testing.T) {
	for s, want := range map[string]string{`"a"`: `"a"`, `W/"a"`: "", "": "", `"`: "", `"a"b"`: "", "\"a\x7f\"": "", `""`: `""`} {
		if got := strongTag(s); got != want {
			t.Errorf("strongTag(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestJitter(t *testing.T) {
	for _, pause := range []time.Duration{0, time.Millisecond, time.Second, time.Hour, -1} {
		want := pause
		if pause <= 0 || pause > longestPause {
			want = longestPause
		}
		for range 50 {
			if got := jitter(pause); got < want/2 || got > want {
				t.Fatalf("jitter(%v) = %v", pause, got)
			}
		}
	}
}
