// SPDX-License-Identifier: Apache-2.0

package source

import (
	"math"
	"strings"
	"testing"
)

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		want   kind
		values []string
	}{
		{kindInt, []string{"0", "-1", "+5", "007", "9223372036854775807", "-9223372036854775808"}},
		{kindFloat, []string{"1.5", "-.5", "1.", "1e3", "1E-300", "inf", "-Inf", "+INFINITY", "0.1"}},
		{kindBool, []string{"true", "True", "FALSE", "false"}},
		{kindText, []string{"x", "9223372036854775808", "1e999", "0x10", "1_000", "1,5", "--1", "1-2", "e", ".", "+", "yes", "NaN", "in", "infinite", "1 2", "truee", "２"}},
	} {
		for _, v := range c.values {
			if got := classify([]byte(v)); got != c.want {
				t.Errorf("%q is %s, want %s", v, got, c.want)
			}
		}
	}
}

func TestColumnKinds(t *testing.T) {
	for set, want := range map[kind]kind{
		0: kindFloat, kindInt: kindInt, kindFloat: kindFloat, kindInt | kindFloat: kindFloat, kindBool: kindBool,
		kindBool | kindInt: kindText, kindBool | kindFloat: kindText, kindText: kindText, kindText | kindInt: kindText,
		kindInt | kindFloat | kindBool | kindText: kindText,
	} {
		if got := set.column(); got != want {
			t.Errorf("a column of %b is %s, want %s", set, got, want)
		}
	}
}

func TestParseFloatIsExact(t *testing.T) {
	for text, want := range map[string]float64{
		"17.989999999999998": 17.989999999999998, "5e-324": 5e-324, "1.7976931348623157e308": math.MaxFloat64, "-0": math.Copysign(0, -1),
	} {
		if got, ok := parseFloat([]byte(text)); !ok || math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("%s is read as %v", text, got)
		}
	}
}

func TestTrim(t *testing.T) {
	for in, want := range map[string]string{"": "", " ": "", "\t x y \t": "x y", "x": "x", "\u00a0x": "\u00a0x"} {
		if got := string(trim([]byte(in))); got != want {
			t.Errorf("%q is trimmed to %q", in, got)
		}
	}
}

func TestNullSet(t *testing.T) {
	defaults := newNullSet(DefaultNulls())
	for _, v := range DefaultNulls() {
		if !defaults.has([]byte(v)) {
			t.Errorf("%q is no null", v)
		}
	}
	for _, v := range []string{"0", "N", "nil", "NAN", "-", "NAs"} {
		if defaults.has([]byte(v)) {
			t.Errorf("%q is a null", v)
		}
	}
	if own := newNullSet([]string{" -999 "}); !own.has([]byte("-999")) || own.has(nil) || own.has([]byte("NA")) {
		t.Error("own nulls are not kept to")
	}
	if none := newNullSet([]string{}); none.has(nil) {
		t.Error("an empty list has a null")
	}
}

func TestNearest(t *testing.T) {
	names := []string{"age", "churned", "Total", "x"}
	for name, want := range map[string]string{"churn": "churned", "total": "Total", "agee": "age", "y": "", "zzzzzz": "", "chruned": "churned"} {
		if got := nearest(names, name); got != want && !(name == "y" && got == "x") {
			t.Errorf("nearest to %q is %q, want %q", name, got, want)
		}
	}
}

func TestListIsShort(t *testing.T) {
	names := strings.Split(strings.Repeat("n ", 14)+"n", " ")
	if got := list(names); !strings.HasSuffix(got, "and 5 more") || strings.Count(got, "n,") != 9 {
		t.Errorf("list %q", got)
	}
}

func TestErrorText(t *testing.T) {
	e := newError("/d/x.csv", "Ragged row", "Why %d.", 3)
	if got := e.Error(); got != "/d/x.csv: Ragged row: Why 3." {
		t.Errorf("error %q", got)
	}
	if got := e.at(7).in("a\n").Error(); got != `/d/x.csv:7: column "a\n": Ragged row: Why 3.` {
		t.Errorf("error %q", got)
	}
	if got := quoted([]byte(strings.Repeat("x", 100) + "\x1b")); len(got) > 90 || strings.ContainsRune(got, '\x1b') {
		t.Errorf("value %s", got)
	}
}
