// SPDX-License-Identifier: Apache-2.0

package seatbelt

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

func TestGolden(t *testing.T) {
	for name, p := range map[string]Profile{
		"check":   {Program: "/Users/ada/.bulkhead/run/p1/.program", Private: "/Users/ada/.bulkhead/run/p1"},
		"nothing": {Program: "/opt/plugin"},
		"collector": {
			Program: "/run/p/.program", Private: "/run/p", Read: []string{"/private/etc/hosts", "/opt/models"},
		},
		"python": {
			Program: "/run/p/.program", Private: "/run/p", Write: []string{"/data/out"},
			Library: []string{"/opt/venv"}, Exec: []string{"/opt/tools"}, Device: []string{"/dev/disk9"},
		},
		"quoted": {Program: `/a "b" \c`, Private: `/d") (allow default) ("`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := p.Text()
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".sb")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("the profile changed (-golden +now); run with -update if that is meant\n%s", diff)
			}
		})
	}
}

func TestRefusedPaths(t *testing.T) {
	for _, name := range []string{"", "relative", "/a/../b", "/a/", "/", "/a\nb", "/a\x00b", "/a\x7fb", "/a\u0085b", "/a\xffb"} {
		for field, p := range map[string]Profile{
			"program": {Program: name},
			"read":    {Program: "/p", Read: []string{name}},
			"write":   {Program: "/p", Write: []string{name}},
			"library": {Program: "/p", Library: []string{name}},
			"exec":    {Program: "/p", Exec: []string{name}},
			"device":  {Program: "/p", Device: []string{name}},
		} {
			_, err := p.Text()
			var refused *PathError
			if !errors.As(err, &refused) || refused.Path != name {
				t.Errorf("%s %q: got %v", field, name, err)
			}
		}
	}
}

// rules reads a profile back: a list of lists of words, as the system does.
func rules(t *testing.T, text string) []any {
	t.Helper()
	r := &reader{text: text}
	out, ok := r.list(false)
	if !ok {
		t.Fatalf("the profile does not parse at byte %d:\n%s", r.at, text)
	}
	return out
}

// reader parses the part of Scheme that profiles use.
type reader struct {
	text string
	at   int
}

type quoted string

func (r *reader) list(nested bool) (out []any, ok bool) {
	for r.at < len(r.text) {
		switch c := r.text[r.at]; {
		case c == ' ' || c == '\n':
			r.at++
		case c == '(':
			r.at++
			inner, ok := r.list(true)
			if !ok {
				return nil, false
			}
			out = append(out, inner)
		case c == ')':
			r.at++
			return out, nested
		case c == '"':
			word, ok := r.quoted()
			if !ok {
				return nil, false
			}
			out = append(out, word)
		default:
			start := r.at
			for r.at < len(r.text) && !strings.ContainsRune(" \n()\"", rune(r.text[r.at])) {
				r.at++
			}
			out = append(out, r.text[start:r.at])
		}
	}
	return out, !nested
}

func (r *reader) quoted() (quoted, bool) {
	var b strings.Builder
	for r.at++; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; c {
		case '"':
			r.at++
			return quoted(b.String()), true
		case '\\':
			if r.at++; r.at == len(r.text) {
				return "", false
			}
			b.WriteByte(r.text[r.at])
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}

// mentions counts the filters of rules with that action and operation.
func mentions(all []any, action, operation string) (values []string) {
	for _, r := range all {
		rule, _ := r.([]any)
		if len(rule) == 0 || rule[0] != action {
			continue
		}
		named := false
		for _, word := range rule[1:] {
			named = named || word == operation
			filter, isFilter := word.([]any)
			if named && isFilter && len(filter) == 2 {
				if v, ok := filter[1].(quoted); ok {
					values = append(values, string(v))
				}
			}
		}
	}
	return values
}

func TestNoForkWithoutExec(t *testing.T) {
	text, _ := Profile{Program: "/p", Library: []string{"/lib"}, Write: []string{"/w"}}.Text()
	if strings.Contains(text, "process-fork") || strings.Contains(text, "same-sandbox") {
		t.Errorf("a program without Exec may fork:\n%s", text)
	}
	if got := mentions(rules(t, text), "allow", "process-exec"); !cmp.Equal(got, []string{"/p"}) {
		t.Errorf("may execute %q", got)
	}
}

// No rule but those of the system's own code is without a filter.
func TestNoBareAllow(t *testing.T) {
	text, _ := Profile{Program: "/p"}.Text()
	for _, r := range rules(t, text) {
		rule := r.([]any)
		if rule[0] != "allow" {
			continue
		}
		if _, filtered := rule[len(rule)-1].([]any); !filtered {
			t.Errorf("rule %v allows everything", rule)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("/bin/a", "/private/b", `/c"d`, `/e\`)
	f.Add("/a(", "/b)", `/"))(allow default)((`, "/ü")
	f.Fuzz(func(t *testing.T, program, private, read, exec string) {
		p := Profile{Program: program, Private: private, Read: []string{read}, Exec: []string{exec}}
		text, err := p.Text()
		if err != nil {
			return
		}
		plain, _ := Profile{Program: "/p", Private: pick(private, "/q"), Read: []string{"/r"}, Exec: []string{"/x"}}.Text()
		got, want := rules(t, text), rules(t, plain)
		if len(got) != len(want) {
			t.Fatalf("%d rules where other names give %d:\n%s", len(got), len(want), text)
		}
		if executable := mentions(got, "allow", "process-exec"); !cmp.Equal(executable, []string{program, exec}) {
			t.Errorf("may execute %q, asked for %q and %q", executable, program, exec)
		}
	})
}

func pick(name, other string) string {
	if name == "" {
		return ""
	}
	return other
}
