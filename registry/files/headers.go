// SPDX-License-Identifier: Apache-2.0

package files

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// contentRange is a Content-Range in bytes (RFC 9110, 14.4).
type contentRange struct {
	first, last int64 // of the range, both inclusive
	size        int64 // of the whole; -1 when it is not said
	unsatisfied bool  // "*/SIZE": there is no range
}

// parseContentRange accepts one spelling only: "bytes FIRST-LAST/SIZE" with
// decimal digits, SIZE "*" when it is not known, or "bytes */SIZE".
func parseContentRange(s string) (contentRange, bool) {
	rest, ok := strings.CutPrefix(s, "bytes ")
	span, whole, slash := strings.Cut(rest, "/")
	if !ok || !slash {
		return contentRange{}, false
	}
	r := contentRange{size: -1}
	if whole != "*" {
		if r.size, ok = decimal(whole); !ok {
			return contentRange{}, false
		}
	}
	if span == "*" {
		r.unsatisfied = true
		return r, r.size >= 0
	}
	first, last, dash := strings.Cut(span, "-")
	var ok1, ok2 bool
	r.first, ok1 = decimal(first)
	r.last, ok2 = decimal(last)
	if !dash || !ok1 || !ok2 || r.last < r.first || r.size >= 0 && r.last >= r.size {
		return contentRange{}, false
	}
	return r, true
}

// decimal is a number of at most 18 digits, without a sign.
func decimal(s string) (int64, bool) {
	if s == "" || len(s) > 18 || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// retryAfter is the time of a Retry-After (RFC 9110, 10.2.3), in seconds or as a
// date; 0 when there is none or it makes no sense.
func retryAfter(s string, now time.Time) time.Duration {
	const most = 365 * 24 * time.Hour
	if seconds, ok := decimal(s); ok {
		return time.Duration(min(seconds, int64(most/time.Second))) * time.Second
	}
	at, err := http.ParseTime(s)
	if err != nil {
		return 0
	}
	return min(max(0, at.Sub(now)), most).Round(time.Second)
}

// strongTag is an ETag that stands for the very bytes, or "".
func strongTag(s string) string {
	if len(s) < 2 || len(s) > 256 || s[0] != '"' || s[len(s)-1] != '"' {
		return ""
	}
	for _, c := range []byte(s[1 : len(s)-1]) {
		if c < 0x21 || c == '"' || c >= 0x7f {
			return ""
		}
	}
	return s
}
