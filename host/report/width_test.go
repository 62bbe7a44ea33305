// SPDX-License-Identifier: Apache-2.0

package report

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestColumns(t *testing.T) {
	for s, want := range map[string]int{
		"": 0, "abc": 3, "Grüße": 5, "漢字": 4, "ｆｕｌｌ": 8, "e\u0301": 1, "🚀": 2, "ﾊﾝｶｸ": 4, "a…b": 3,
	} {
		if got := columns(s); got != want {
			t.Errorf("columns(%q) = %d, want %d", s, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		in     string
		n      int
		want   string
		middle string
	}{
		{"short", 10, "short", "short"},
		{"exactly ten", 11, "exactly ten", "exactly ten"},
		{"/usr/lib/x86_64-linux-gnu/libcuda.so", 20, "/usr/lib/x86_64-l...", "/usr/...libcuda.so"},
		{"漢字漢字漢字", 8, "漢字...", ""},
		{"abcdef", 3, "abc", "abc"},
		{"abcdef", 0, "", ""},
	} {
		if got := cut(tt.in, tt.n); got != tt.want {
			t.Errorf("cut(%q, %d) = %q, want %q", tt.in, tt.n, got, tt.want)
		}
		if got := cutMiddle(tt.in, tt.n); columns(got) > tt.n || tt.middle != "" && !strings.HasSuffix(tt.middle, got[max(0, len(got)-3):]) {
			t.Errorf("cutMiddle(%q, %d) = %q", tt.in, tt.n, got)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		in   string
		n    int
		want []string
	}{
		{"", 10, []string{""}},
		{"one two three", 7, []string{"one two", "three"}},
		{"one\n\ntwo", 7, []string{"one", "", "two"}},
		{"a verylongword b", 4, []string{"a", "very", "long", "word", "b"}},
		{"漢字漢字 漢", 4, []string{"漢字", "漢字", "漢"}},
	} {
		if got := wrap(tt.in, tt.n); !slices.Equal(got, tt.want) {
			t.Errorf("wrap(%q, %d) = %q, want %q", tt.in, tt.n, got, tt.want)
		}
	}
}

func TestWrapFitsAndLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.SampledFrom([]rune("ab 漢é\u0301\n🚀-"))).Draw(t, "text")
		n := rapid.IntRange(2, 30).Draw(t, "columns")
		lines := wrap(text, n)
		for _, line := range lines {
			if columns(line) > n {
				t.Fatalf("%q has %d columns, over %d", line, columns(line), n)
			}
		}
		squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if squeeze(strings.Join(lines, " ")) != squeeze(text) {
			t.Fatalf("%q became %q", text, lines)
		}
	})
}

// TestWrapCommandIsTheSameCommand asks a shell.
func TestWrapCommandIsTheSameCommand(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell on this machine")
	}
	for _, command := range []string{
		`printf '%s|' one two three four five six seven`,
		`printf '%s|' "two words" 'and  three   more' plain a\ b 'it'"'"'s'`,
		`printf '%s|' "a \" quote" 'back\slash' x y z`,
	} {
		lines := wrapCommand(command, 16)
		if len(lines) < 2 {
			t.Fatalf("%q was not broken", command)
		}
		want, err := exec.Command(sh, "-c", command).Output()
		if err != nil {
			t.Fatal(err)
		}
		got, err := exec.Command(sh, "-c", strings.Join(lines, "\n")).Output()
		if err != nil || string(got) != string(want) {
			t.Errorf("%q prints %q, broken into lines %q (%v)", command, want, got, err)
		}
	}
}

func TestTableNarrowing(t *testing.T) {
	tab := func(keep int) table {
		out := table{heads: []string{"name", "count", "place"}, right: []bool{false, true, false}, keep: keep}
		out.add("a-rather-long-name", "12345", "another-long-place")
		return out
	}
	for _, tt := range []struct {
		room, keep int
		want       []int
	}{
		{100, 3, []int{18, 5, 18}},
		{35, 3, []int{13, 5, 13}},
		{35, 1, []int{18, 5}},
		{20, 3, []int{13, 5}},
		{5, 3, []int{5}},
	} {
		x := tab(tt.keep)
		if got := x.fit(tt.room); !slices.Equal(got, tt.want) {
			t.Errorf("fit(%d) with %d to keep = %v, want %v", tt.room, tt.keep, got, tt.want)
		}
	}
}

func TestSizesAndDurations(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 67108864: "64.0 MiB", 1<<20 - 1: "1.0 MiB", 1 << 62: "4.0 EiB"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
	for ms, want := range map[float64]string{0: "<1 ms", 1: "1 ms", 999.4: "999 ms", 999.6: "1.0 s", 99_949: "99.9 s", 100_000: "1 min 40 s", 3_600_000: "60 min 0 s"} {
		if got := duration(ms); got != want {
			t.Errorf("duration(%v) = %q, want %q", ms, got, want)
		}
	}
}

// TestTrailingComment: a comment that does not fit stands above the command,
// never continued by a backslash, which a shell would not obey.
func TestTrailingComment(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"pip install torch   # or jax", "    pip install torch   # or jax\n"},
		{"/srv/environments/train/bin/python3 -m pip install opencv-python-headless   # or opencv-python",
			"    # or opencv-python\n    /srv/environments/train/bin/python3 -m pip install opencv-python-headless\n"},
		{"echo 'a # b' " + strings.Repeat("x", 70), "    echo 'a # b' \\\n      " + strings.Repeat("x", 70) + "\n"},
		{"    memory: 4Gi", "        memory: 4Gi\n"},
	} {
		if got := rendered(Options{}, func(p *page) { p.command(4, tt.line) }); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.line, got, tt.want)
		}
	}
}
