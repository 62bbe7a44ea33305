// SPDX-License-Identifier: Apache-2.0

package report

import (
	"testing"
)

// rendered returns what a renderer writes into a page.
func rendered(opt Options, write func(*page)) string {
	p := newPage(opt)
	write(p)
	return p.buf.String()
}

func TestKernelReport(t *testing.T) {
	for _, tt := range []struct {
		what, report string
		opt          Options
		want         string
	}{
		{"empty", `{}`, Options{}, ""},
		{"short keys, alphabetical", `{"rows_kept": 12, "folds": 5, "ok": true, "nothing": null, "text": "a b"}`, Options{}, `
  folds: 5
  nothing: -
  ok: true
  rows kept: 12
  text: a b
`},
		{"known keys first", `{"a": 1, "metrics": {"r2": 0.5}, "model": "ridge", "quality_score": 1}`, Options{}, `
  model: ridge
  metrics:
    metric   value
    r2      0.5000
  quality score: 1
  a: 1
`},
		{"a model with settings", `{"winner": {"name": "knn", "k": 5, "weights": "uniform"}}`, Options{}, `
  winner: knn (k 5, weights uniform)
`},
		{"a model without a name", `{"winner": {"k": 5}}`, Options{}, `
  winner: - (k 5)
`},
		{"a long model is cut", `{"model": {"name": "m", "alpha": [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]}}`, Options{Width: 40}, `
  model: m (alpha [1, 2, 3, 4, 5, 6,...
`},
		{"a long model is whole with -v", `{"model": {"name": "m", "alpha": [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]}}`, Options{Width: 40, Verbose: true}, `
  model: m (alpha [1, 2, 3, 4, 5, 6, 7,
         8, 9, 10, 11, 12, 13, 14, 15,
         16])
`},
		{"metrics with spread", `{"metrics": {"acc": {"mean": 0.9, "sd": 0.01}, "loss": {"mean": 0.1, "std": 0.02}, "odd": {"mean": 1}, "n": 7}}`, Options{}, `
  metrics:
    metric             value
    acc     0.9000 +- 0.0100
    loss    0.1000 +- 0.0200
    n                      7
    odd               mean 1
`},
		{"metrics that are none", `{"metrics": [1, 2]}`, Options{}, `
  metrics: 1, 2
`},
		{"bars", `{"quality_score_breakdown": {"a": 0, "bb": 0.5, "c": 1, "d": {"score": 0.999}, "e": 1.5, "f": "n/a"}}`, Options{}, `
  quality score breakdown:
    a   ....................  0
    bb  ##########..........  0.5000
    c   ####################  1
    d   ###################.  0.9990
    e   1.5000
    f   n/a
`},
		{"bars that are none", `{"quality_score_breakdown": 3}`, Options{}, `
  quality score breakdown: 3
`},
		{"a leaderboard", `{"leaderboard": [
			{"rank": 2, "name": "b", "score_mean": 0.8, "fold_scores": [1, 2], "fit_seconds": 0.25, "status": "ok"},
			{"rank": 0, "name": "c", "score_mean": null, "status": "failed", "reason": "singular matrix"}]}`, Options{}, `
  leaderboard:
    rank  name  status   score   fit s
       2  b     ok      0.8000  0.2500
       -  c     failed       -
    c: singular matrix
`},
		{"a leaderboard that is none", `{"leaderboard": "soon"}`, Options{}, `
  leaderboard: soon
`},
		{"an empty leaderboard", `{"leaderboard": []}`, Options{}, `
  leaderboard: 
`},
		{"a leaderboard of nothing", `{"leaderboard": [{}, {"x": null}]}`, Options{}, `
  leaderboard:
    2 items
`},
		{"a table with -v only", `{"runs": [{"a": 1, "b": "x"}, {"a": 22, "b": "y"}]}`, Options{}, `
  runs: 2 rows
`},
		{"a table with -v", `{"runs": [{"a": 1, "b": "x"}, {"a": 22, "b": "y"}]}`, Options{Verbose: true}, `
  runs:
     a  b
     1  x
    22  y
`},
		{"a verdict is wrapped", `{"verdict": "nothing beats the baseline: the columns say nothing"}`, Options{Width: 40}, `
  nothing beats the baseline: the
  columns say nothing
`},
		{"nested values", `{"x": {"b": [1, {"c": 2}], "a": {}}}`, Options{}, `
  x: a {}, b [1, {c 2}]
`},
		{"hostile keys and values", `{"a\u001b[31mb": "x\u001b]0;t\u0007y\nz", "metrics": {"\u202em": 1}}`, Options{}, `
  metrics:
    metric  value
    m           1
  ab: xy z
`},
		{"wide characters", `{"quality_score_breakdown": {"完全": 1, "ab": 1}}`, Options{}, `
  quality score breakdown:
    ab    ####################  1
    完全  ####################  1
`},
	} {
		t.Run(tt.what, func(t *testing.T) {
			o, _ := decode([]byte(tt.report)).(object)
			got := rendered(tt.opt, func(p *page) { p.kernelReport(o) })
			want := tt.want
			if want != "" {
				want = want[1:]
			}
			same(t, want, got)
		})
	}
}

// same compares texts, with spaces at line ends ignored, as editors do.
func same(t *testing.T, want, got string) {
	t.Helper()
	if trimLines(want) != trimLines(got) {
		t.Errorf("want:\n%s\ngot:\n%s", want, got)
	}
}

func TestManyKeysAreCounted(t *testing.T) {
	o := object{}
	for _, key := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n"} {
		o[key] = "v"
	}
	got := rendered(Options{}, func(p *page) { p.kernelReport(o) })
	if want := "  and 2 keys more with -v\n"; got[len(got)-len(want):] != want {
		t.Errorf("got:\n%s", got)
	}
	if all := rendered(Options{Verbose: true}, func(p *page) { p.kernelReport(o) }); len(trimLines(all)) < 14*7 {
		t.Errorf("-v leaves keys out:\n%s", all)
	}
}

func TestShort(t *testing.T) {
	for in, want := range map[string]string{
		`null`:                       "-",
		`"text"`:                     "text",
		`true`:                       "true",
		`0.123456`:                   "0.1235",
		`[]`:                         "",
		`[1,"a",null]`:               "1, a, -",
		`[[1,2],[3]]`:                "[1, 2], [3]",
		`{"b":1,"a":"x"}`:            "a x, b 1",
		`{"a":{"b":{"c":1}}}`:        "a {b {c 1}}",
		`18446744073709551616`:       "1.845e+19",
		`9007199254740993`:           "9007199254740993",
		`{"list":[{"k":1},{"k":2}]}`: "list [{k 1}, {k 2}]",
	} {
		if got := short(decode([]byte(in))); got != want {
			t.Errorf("short(%s) = %q, want %q", in, got, want)
		}
	}
	if decode([]byte("{")) != nil {
		t.Error("half a document is a value")
	}
}
