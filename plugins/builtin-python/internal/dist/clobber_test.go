// SPDX-License-Identifier: Apache-2.0

package dist

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
)

const site = "/site"

// claimant is a distribution with a RECORD as it stands in text.
func claimant(name, record string) *Distribution {
	return &Distribution{Name: name, Key: name, Version: "1", Site: site, Path: site + "/" + name + "-1.dist-info", Record: ParseRecord([]byte(record))}
}

func TestFindClobbers(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b string
		want int
	}{
		{"same path, other content", "p/x.so,sha256=a,1\n", "p/x.so,sha256=b,1\n", 1},
		{"same content", "p/x.so,sha256=a,1\n", "p/x.so,sha256=a,1\n", 0},
		{"content unknown", "p/x.so,,\n", "p/x.so,sha256=b,1\n", 0},
		{"other path", "p/x.so,sha256=a,1\n", "p/y.so,sha256=b,1\n", 0},
		{"data is nobody's import", "p/x.txt,sha256=a,1\n", "p/x.txt,sha256=b,1\n", 0},
		{"tests that many leave behind", "tests/x.py,sha256=a,1\n", "tests/x.py,sha256=b,1\n", 0},
		{"parts of a namespace", "p/__init__.py,sha256=a,1\n", "p/__init__.py,sha256=b,1\n", 0},
		{"above the directory", "../x.so,sha256=a,1\n", "../x.so,sha256=b,1\n", 0},
		{"quoted", "\"p/a,b.so\",sha256=a,1\n", "\"p/a,b.so\",sha256=b,1\n", 1},
		{"one RECORD names it twice", "p/x.so,sha256=a,1\np/x.so,sha256=b,1\n", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := FindClobbers(fakeenv.New(t).Target, []*Distribution{claimant("one", c.a), claimant("two", c.b), {Name: "none"}})
			if len(got) != c.want {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestClobberOfMany: every two of the claimants with different content are a
// pair, whichever stands first, and equal content is none.
func TestClobberOfMany(t *testing.T) {
	const plain, other, third = "p/x.so,sha256=a,1\n", "p/x.so,sha256=b,1\n", "p/x.so,sha256=c,1\n"
	for _, c := range []struct {
		name    string
		records []string
		want    string
	}{
		{"three contents", []string{plain, other, third}, "d0-d1 d0-d2 d1-d2"},
		{"the first agrees with nobody", []string{third, plain, plain}, "d0-d1 d0-d2"},
		{"the last two dispute", []string{"q/y.so,sha256=a,1\n", plain, other}, "d1-d2"},
		{"the first is of unknown content", []string{"p/x.so,,\n", plain, other}, "d1-d2"},
		{"two and two", []string{plain, other, plain, other}, "d0-d1 d0-d3 d1-d2 d2-d3"},
		{"all agree", []string{plain, plain, plain}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var dists []*Distribution
			for i, record := range c.records {
				dists = append(dists, claimant(fmt.Sprint("d", i), record))
			}
			var got []string
			for _, clobber := range FindClobbers(fakeenv.New(t).Target, dists) {
				got = append(got, strings.Join(clobber.Names[:], "-"))
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("pairs %q, want %q", s, c.want)
			}
		})
	}
}

// TestClobberClaimantsAreBounded: a hundred distributions that claim one path
// are not compared each with each.
func TestClobberClaimantsAreBounded(t *testing.T) {
	var dists []*Distribution
	for i := range 100 {
		dists = append(dists, claimant(fmt.Sprintf("d%03d", i), fmt.Sprintf("p/x.so,sha256=%d,1\n", i)))
	}
	got := FindClobbers(fakeenv.New(t).Target, dists)
	if len(got) < 99 || len(got) > 100*maxClaimants {
		t.Errorf("%d pairs", len(got))
	}
	last := got[len(got)-1]
	if last.Owners[0] > last.Owners[1] {
		t.Errorf("owners %q are not in name order", last.Owners)
	}
}

// TestClobberWinner: size tells whose file is there, and for equal sizes the
// content does.
func TestClobberWinner(t *testing.T) {
	for file, want := range map[string]string{"aa": "one 1", "bbb": "two 1", "cccc": ""} {
		tr := fakeenv.New(t)
		tr.Text(site+"/p/x.so", file)
		got := FindClobbers(tr.Target, []*Distribution{claimant("two", "p/x.so,sha256=b,3\n"), claimant("one", "p/x.so,sha256=a,2\n")})
		if len(got) != 1 || got[0].Winner != want || !got[0].Native || got[0].Names != [2]string{"one", "two"} {
			t.Errorf("%s: %+v, want the file of %q", file, got, want)
		}
	}
}

// TestClobberBounds: RECORDs that claim very much cost little.
func TestClobberBounds(t *testing.T) {
	var tops, files strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&tops, "top%d/x.py,sha256=a,1\n", i)
		fmt.Fprintf(&files, "p/x%d.py,sha256=%%s,1\n", i)
	}
	wide := claimant("wide", tops.String())
	if len(wide.Record.Tops) > maxTops {
		t.Errorf("%d tops", len(wide.Record.Tops))
	}
	var many []*Distribution
	for i := range 3 {
		many = append(many, claimant(fmt.Sprint("d", i), strings.ReplaceAll(files.String(), "%s", fmt.Sprint(i))))
	}
	got := FindClobbers(fakeenv.New(t).Target, append(many, wide))
	for _, c := range got {
		if len(c.Paths) > maxListed {
			t.Errorf("%d paths are listed", len(c.Paths))
		}
	}
	if len(got) != 3 || got[0].Count != 5000 {
		t.Errorf("%d pairs", len(got))
	}
}

// FuzzFindClobbers: any two RECORDs are compared without a panic, and the
// order in which they come decides nothing.
func FuzzFindClobbers(f *testing.F) {
	f.Add("p/x.so,sha256=a,1\n", "p/x.so,sha256=b,2\n")
	f.Add("\"p/x.so,sha256=a\n", "p/x.so\n,,\n")
	f.Add("p/\x00.py,sha256=a,-1\n", "p//x.py,sha256=b,99999999999999999999\n")
	f.Fuzz(func(t *testing.T, a, b string) {
		target := fakeenv.New(t).Target
		one := FindClobbers(target, []*Distribution{claimant("one", a), claimant("two", b)})
		two := FindClobbers(target, []*Distribution{claimant("two", b), claimant("one", a)})
		if len(one) != len(two) || len(one) > 1 {
			t.Fatalf("%+v and %+v", one, two)
		}
		if len(one) == 1 && (one[0].Count != two[0].Count || !reflect.DeepEqual(one[0].Owners, two[0].Owners)) {
			t.Fatalf("%+v and %+v", one, two)
		}
	})
}
