// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

func TestParseType(t *testing.T) {
	for _, name := range append(TypeNames(), "timestamp[s]", "timestamp[ns]", "timestamp[us, UTC]", "timestamp[ms, +01:00]", "timestamp[s, Europe/Berlin]") {
		typ, err := ParseType(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := typeName(typ); got != name {
			t.Errorf("%s is called %s", name, got)
		}
	}
	if typ, err := ParseType("timestamp[us]"); err != nil || typeName(typ) != "timestamp" {
		t.Errorf("%v, %v", typ, err)
	}
	for _, name := range []string{"", "int", "float", "Int64", "timestamp[]", "timestamp[m]", "timestamp[us,]", "timestamp[us, +1:00]", "decimal", "list", "timestamp[us, Nowhere/Here]"} {
		if typ, err := ParseType(name); err == nil {
			t.Errorf("%q is %s", name, typ)
		}
	}
}

// TestDeclaredTypes reads every declared type, at its limits.
func TestDeclaredTypes(t *testing.T) {
	for name, c := range map[string]struct {
		typ  string
		good [][2]string // text and what is read
		bad  []string
	}{
		"int8":    {"int8", [][2]string{{"-128", "-128"}, {"127", "127"}, {"+7", "7"}}, []string{"128", "-129", "1.0", "x", "99999999999999999999"}},
		"int16":   {"int16", [][2]string{{"-32768", "-32768"}}, []string{"32768"}},
		"int32":   {"int32", [][2]string{{"2147483647", "2147483647"}}, []string{"2147483648"}},
		"uint8":   {"uint8", [][2]string{{"255", "255"}, {"-0", "0"}, {"+1", "1"}}, []string{"256", "-1", ""}},
		"uint32":  {"uint32", [][2]string{{"4294967295", "4294967295"}}, []string{"4294967296"}},
		"uint64":  {"uint64", [][2]string{{"18446744073709551615", "18446744073709551615"}}, []string{"18446744073709551616", "-1"}},
		"float32": {"float32", [][2]string{{"0.1", "0.1"}, {"3.4e38", "3.4e+38"}, {"inf", "+Inf"}}, []string{"1e39", "NaN?", "0x1"}},
		"bool":    {"bool", [][2]string{{"TRUE", "true"}, {"false", "false"}}, []string{"1", "yes"}},
		"date32":  {"date32", [][2]string{{"2026-11-22", "2026-11-22"}, {"1969-12-31", "1969-12-31"}, {"2024-02-29", "2024-02-29"}}, []string{"2023-02-29", "22.11.2026", "2026-13-01", "2026-00-01", "2026-1-1", "2026-11-22T00:00"}},
		"timestamp": {"timestamp", [][2]string{{"2026-11-22 08:50:03.25", "2026-11-22T08:50:03.25"}, {"2026-11-22T08:50", "2026-11-22T08:50:00"}, {"2026-11-22", "2026-11-22T00:00:00"}},
			[]string{"2026-11-22 08:50:03.0000001", "2026-11-22 08:50:03Z", "2026-11-22 24:00:00", "2026-11-22 08:60", "2026-11-22X08:50", "2026-11-22 08:50:03."}},
		"timestamp s": {"timestamp[s]", [][2]string{{"1700-01-01 00:00:01", "1700-01-01T00:00:01"}}, []string{"2026-11-22 08:50:03.5"}},
		"with zone": {"timestamp[us, UTC]", [][2]string{{"2026-11-22 08:50:03Z", "2026-11-22T08:50:03Z"}, {"2026-11-22T08:50:03+01:30", "2026-11-22T07:20:03Z"}, {"2026-11-22 08:50-0500", "2026-11-22T13:50:00Z"}, {"2026-11-22 08:50+02", "2026-11-22T06:50:00Z"}},
			[]string{"2026-11-22 08:50:03", "2026-11-22", "2026-11-22 08:50:03+15:00", "2026-11-22 08:50:03+1", "2026-11-22 08:50:03 Z"}},
		"dictionary":   {"dictionary", [][2]string{{"x", "x"}, {"y", "y"}, {"x", "x"}}, nil},
		"nanoseconds":  {"timestamp[ns]", [][2]string{{"2026-11-22 08:50:03.123456789", "2026-11-22T08:50:03.123456789"}}, []string{"2026-11-22 08:50:03.1234567890", "2500-01-01"}},
		"text as text": {"string", [][2]string{{"007", "007"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			spec := Spec{Types: map[string]string{"a": c.typ}, Nulls: []string{"?"}}
			content := "a,b\n?,0\n"
			for _, g := range c.good {
				content += g[0] + ",0\n"
			}
			spec.Path = write(t, content)
			tab, err := Open(context.Background(), spec, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := rows(t, tab)
			for i, g := range c.good {
				if got[i+1][0] != g[1] || got[0][0] != "null" {
					t.Errorf("%q is read as %q, want %q", g[0], got[i+1][0], g[1])
				}
			}
			for _, b := range c.bad {
				spec.Path = write(t, "a,b\n"+b+",0\n")
				_, err := Open(context.Background(), spec, nil)
				if e, ok := errors.AsType[*Error](err); !ok || e.Line != 2 || e.Column != "a" {
					t.Errorf("%q: error %v", b, err)
				}
			}
		})
	}
}

// TestManyWords has more words than one batch, and a batch without any.
func TestManyWords(t *testing.T) {
	var b strings.Builder
	b.WriteString("w,n\n")
	for i := range 150000 {
		if i < 70000 {
			b.WriteString("?,1\n")
		} else {
			fmt.Fprintf(&b, "word %d,1\n", i%1000)
		}
	}
	tab, err := Open(context.Background(), Spec{Path: write(t, b.String()), Types: map[string]string{"w": "dictionary"}, Nulls: []string{"?"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := rows(t, tab)
	if got[69999][0] != "null" || got[70000][0] != "word 0" || got[149999][0] != "word 999" || len(got) != 150000 {
		t.Errorf("rows %q, %q, %q", got[69999], got[70000], got[149999])
	}
}

// FuzzNumbers holds the quick parsers to those of strconv.
func FuzzNumbers(f *testing.F) {
	for _, s := range []string{"1.5", "-0", "+0.1", "123456789012345", "1234567890123456", ".5", "5.", ".", "-", "1e5", "99999999999999999999", "00000000000000000001", "0.000000000000001"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if want, err := strconv.ParseInt(s, 10, 64); err == nil {
			if got, ok := parseInt([]byte(s)); !ok || got != want {
				t.Fatalf("%q is read as %d, %v", s, got, ok)
			}
		} else if got, ok := parseInt([]byte(s)); ok {
			t.Fatalf("%q is read as %d", s, got)
		}
		want, err := strconv.ParseFloat(s, 64)
		got, ok := parseFloat([]byte(s))
		if ok && (err != nil || math.Float64bits(got) != math.Float64bits(want)) {
			t.Fatalf("%q is read as %v, want %v, %v", s, got, want, err)
		}
		if !ok && err == nil && decimal([]byte(s)) && s != "" {
			t.Fatalf("%q is not read", s)
		}
	})
}

// FuzzMoment holds the parser of times to that of package time.
func FuzzMoment(f *testing.F) {
	for _, s := range []string{"2026-11-22T08:50:03Z", "2026-11-22T08:50:03.123456789+01:30", "2024-02-29T00:00:00-14:00", "2026-11-22"} {
		f.Add(s)
	}
	parse := timestampParser(&arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "UTC"})
	f.Fuzz(func(t *testing.T, s string) {
		want, err := time.Parse(time.RFC3339Nano, s)
		got, ok := parse([]byte(s))
		if err == nil && ok && int64(got) != want.UnixNano() {
			t.Fatalf("%q is read as %d, want %d", s, got, want.UnixNano())
		}
		if ok && err != nil && len(s) >= 20 && s[10] == 'T' && strings.HasSuffix(s, "Z") {
			t.Fatalf("%q is read, and refused by package time: %v", s, err)
		}
	})
}
