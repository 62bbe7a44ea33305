// SPDX-License-Identifier: Apache-2.0

package source

import (
	"math"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// parseDate takes YYYY-MM-DD.
func parseDate(b []byte) (arrow.Date32, bool) {
	days, rest, ok := cutDate(b)
	return arrow.Date32(days), ok && len(rest) == 0
}

// cutDate takes a date off b, as days since 1970-01-01.
func cutDate(b []byte) (days int64, rest []byte, ok bool) {
	if len(b) < 10 || b[4] != '-' || b[7] != '-' {
		return 0, nil, false
	}
	year, ok1 := digits(b[0:4])
	month, ok2 := digits(b[5:7])
	day, ok3 := digits(b[8:10])
	if !ok1 || !ok2 || !ok3 || month < 1 || month > 12 || day < 1 {
		return 0, nil, false
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	// A day that the month does not have has gone to the next one.
	return t.Unix() / 86400, b[10:], t.Day() == day
}

// digits reads a number of few digits.
func digits(b []byte) (int, bool) {
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, len(b) > 0
}

// timestampParser returns the parser of a timestamp type, whose values are
// ticks of its unit.
func timestampParser(t *arrow.TimestampType) func([]byte) (arrow.Timestamp, bool) {
	perSecond := int64(time.Second / t.Unit.Multiplier())
	return func(b []byte) (arrow.Timestamp, bool) {
		seconds, nanos, zoned, ok := parseMoment(b)
		tick := int64(t.Unit.Multiplier())
		if !ok || zoned != (t.TimeZone != "") || nanos%tick != 0 {
			return 0, false
		}
		if limit := math.MaxInt64/perSecond - 1; seconds > limit || seconds < -limit {
			return 0, false
		}
		return arrow.Timestamp(seconds*perSecond + nanos/tick), true
	}
}

// parseMoment takes a date, a date and a time, and a date, a time and an offset.
func parseMoment(b []byte) (seconds, nanos int64, zoned, ok bool) {
	days, rest, ok := cutDate(b)
	if !ok || len(rest) == 0 {
		return days * 86400, 0, false, ok
	}
	if rest[0] != 'T' && rest[0] != ' ' && rest[0] != 't' {
		return 0, 0, false, false
	}
	clock, nanos, rest, ok := cutClock(rest[1:])
	if !ok {
		return 0, 0, false, false
	}
	offset, zoned, ok := parseOffset(rest)
	return days*86400 + clock - offset, nanos, zoned, ok
}

// cutClock takes HH:MM, HH:MM:SS or HH:MM:SS.fraction off b.
func cutClock(b []byte) (seconds, nanos int64, rest []byte, ok bool) {
	if len(b) < 5 || b[2] != ':' {
		return 0, 0, nil, false
	}
	hour, ok1 := digits(b[0:2])
	minute, ok2 := digits(b[3:5])
	second, ok3 := 0, true
	rest = b[5:]
	if len(rest) >= 3 && rest[0] == ':' {
		second, ok3 = digits(rest[1:3])
		rest = rest[3:]
		if len(rest) > 0 && rest[0] == '.' {
			nanos, rest = cutFraction(rest[1:])
		}
	}
	ok = ok1 && ok2 && ok3 && hour < 24 && minute < 60 && second < 60 && nanos >= 0
	return int64(hour*3600 + minute*60 + second), nanos, rest, ok
}

// cutFraction takes one to nine digits off b, as nanoseconds; -1 when there are
// none or more.
func cutFraction(b []byte) (nanos int64, rest []byte) {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	if n == 0 || n > 9 {
		return -1, b[n:]
	}
	for i := range 9 {
		nanos *= 10
		if i < n {
			nanos += int64(b[i] - '0')
		}
	}
	return nanos, b[n:]
}

// parseOffset takes nothing, Z, +HH:MM, +HHMM and +HH.
func parseOffset(b []byte) (seconds int64, zoned, ok bool) {
	if len(b) == 0 {
		return 0, false, true
	}
	if len(b) == 1 && (b[0] == 'Z' || b[0] == 'z') {
		return 0, true, true
	}
	if b[0] != '+' && b[0] != '-' {
		return 0, false, false
	}
	sign, rest := int64(1), b[1:]
	if b[0] == '-' {
		sign = -1
	}
	if len(rest) == 5 && rest[2] == ':' {
		rest = append([]byte{rest[0], rest[1]}, rest[3:]...)
	}
	if len(rest) != 2 && len(rest) != 4 {
		return 0, false, false
	}
	hours, ok1 := digits(rest[:2])
	minutes, ok2 := 0, true
	if len(rest) == 4 {
		minutes, ok2 = digits(rest[2:])
	}
	return sign * int64(hours*3600+minutes*60), true, ok1 && ok2 && hours < 15 && minutes < 60
}
