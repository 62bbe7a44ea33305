// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// sample is a valid envelope.
func sample() envelope {
	return envelope{V: 1, Seq: 1, Time: "2026-02-03T04:05:06.5Z", Host: testHost, Kind: KindLaunch, Plugin: "gpu", Data: json.RawMessage(`{"a":1}`), Prev: genesis}
}

func sealed(t testing.TB, e envelope) []byte {
	t.Helper()
	line, _, err := e.seal()
	must(t, err)
	return line[:len(line)-1]
}

func TestParse(t *testing.T) {
	r, err := parse(sealed(t, sample()))
	if err != nil || r.Seq != 1 || !r.Time.Equal(time.Date(2026, 2, 3, 4, 5, 6, 5e8, time.UTC)) || r.Host != testHost || r.Kind != KindLaunch ||
		r.Plugin != "gpu" || string(r.Data) != `{"a":1}` || r.Prev != genesis || r.Hash != digest(bytes.Replace(r.Raw(), []byte(`,"hash":"`+r.Hash+`"`), nil, 1)) {
		t.Errorf("record %+v, error %v", r, err)
	}
}

// TestOneForm refuses every other way to write the same record, with a hash
// that matches.
func TestOneForm(t *testing.T) {
	for name, c := range map[string]struct{ old, new string }{
		"white space":            {`"v":1,`, `"v":1, `},
		"white space in data":    {`{"a":1}`, `{"a": 1}`},
		"another order":          {`"v":1,"seq":1,`, `"seq":1,"v":1,`},
		"a name twice":           {`"seq":1,`, `"seq":1,"seq":1,`},
		"an unknown name":        {`"seq":1,`, `"seq":1,"x":1,`},
		"a missing name":         {`"plugin":"gpu",`, ``},
		"another case":           {`"plugin"`, `"Plugin"`},
		"number 0":               {`"seq":1,`, `"seq":0,`},
		"a fraction":             {`"seq":1,`, `"seq":1.0,`},
		"a needless escape":      {`"gpu"`, `"\u0067pu"`},
		"an escape in upper":     {`"gpu"`, `"\u00FF"`},
		"bytes beyond ASCII":     {`"gpu"`, `"gpü"`},
		"bytes that are no text": {`"gpu"`, "\"\xff\""},
		"beyond ASCII in data":   {`{"a":1}`, `{"ä":1}`},
		"data is no object":      {`{"a":1}`, `[1]`},
		"data is null":           {`{"a":1}`, `null`},
		"another zone":           {`06.5Z`, `06.5+00:00`},
		"a needless zero":        {`06.5Z`, `06.50Z`},
		"no time":                {`2026-02-03T04:05:06.5Z`, `yesterday`},
		"no kind":                {`"launch"`, `""`},
		"prev is no digest":      {genesis, "sha256:0"},
		"prev in upper case":     {genesis, "SHA256:" + genesis[7:]},
		"not an object":          {`{"v"`, `["v"`},
	} {
		line := append(sealed(t, sample()), '\n')
		line = bytes.TrimSuffix(reseal(line, c.old, c.new), []byte("\n"))
		if _, err := parse(line); !errors.Is(err, errForm) {
			t.Errorf("%s: error %v for %s", name, err, line)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	line := string(sealed(t, sample()))
	for name, c := range map[string]struct {
		line string
		err  error
	}{
		"empty":            {"", errForm},
		"only a hash":      {line[len(line)-sealLen:], errForm},
		"hash in capitals": {line[:len(line)-10] + strings.ToUpper("abcdefab") + `"}`, errForm},
		"another hash":     {strings.Replace(line, `"gpu"`, `"cpu"`, 1), errHash},
		"another version":  {string(bytes.TrimSpace(reseal([]byte(line+"\n"), `"v":1`, `"v":2`))), errVersion},
		"text behind":      {line + " ", errForm},
		"too long":         {strings.Repeat("x", maxLine), errForm},
	} {
		if _, err := parse([]byte(c.line)); !errors.Is(err, c.err) {
			t.Errorf("%s: error %v, want %v", name, err, c.err)
		}
	}
}

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"plain": `"plain"`, "\x1b[31m\x7f\u0085": `"\u001b[31m\u007f\u0085"`, "ü\u202e": `"\u00fc\u202e"`, "😀": `"\ud83d\ude00"`,
		"<&>": `"<&>"`, "\u2028": `"\u2028"`, "a\xffb": `"a\ufffdb"`, "\n\t\"\\": `"\n\t\"\\"`,
	} {
		got, err := canonical(in)
		if err != nil || string(got) != want {
			t.Errorf("%q is %s (%v), want %s", in, got, err, want)
		}
	}
}

// TestHugeEventsAreCut and say so; a record always fits its line.
func TestHugeEventsAreCut(t *testing.T) {
	many := make([]string, 5000)
	limits := map[string]uint64{}
	for i := range many {
		many[i] = fmt.Sprintf("read /%d/%s", i, strings.Repeat("\x1bü", 100))
		limits[many[i]] = uint64(i)
	}
	long := strings.Repeat("😀", 1<<16)
	for _, e := range []Event{
		Launch{Walls: many, Fallen: many, Grants: many, Limits: limits, Digest: long},
		Death{Detail: long, Cause: "\xff" + long}, Grant{Grants: []string{long, long}}, &Denial{What: strings.Repeat("\xf0\x90", 1<<16)},
	} {
		dir := t.TempDir()
		l := opened(t, dir, func(c *chain) { c.host = Host{Run: long, Version: long, User: strings.Repeat("\x00", 1<<16)}.named() })
		must(t, l.Append(strings.Repeat("\x1b", 1<<16), e).Wait(t.Context()))
		must(t, l.Close())
		r := records(t, dir, Query{})[0]
		if !strings.Contains(string(r.Raw()), "cut") || len(r.Raw()) >= maxLine {
			t.Errorf("%T: %d bytes: %.200s", e, len(r.Raw()), r.Raw())
		}
		if got, err := r.Event(); err != nil || got.Kind() != e.Kind() {
			t.Errorf("%T reads back as %T, %v", e, got, err)
		}
	}
}

func TestCutKeepsTheBeginning(t *testing.T) {
	b := bounds{bytes: 8, items: 2}
	got := b.event(Grant{Grants: []string{"a", "12345678", "c", "d"}, By: "123456789üü"})
	want := Grant{Grants: []string{"a", "12345678", "... and 2 more, cut"}, By: "12345678... (5 bytes cut)", Narrowed: []string{}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := cutString("123456üü", 7); got != "123456... (4 bytes cut)" {
		t.Errorf("%q", got)
	}
	limits := b.limits(map[string]uint64{"b": 2, "a": 1, "c": 3, "d": 4})
	if want := map[string]uint64{"a": 1, "b": 2, "... cut": 2}; !reflect.DeepEqual(limits, want) {
		t.Errorf("%v", limits)
	}
}

// TestAppendTakesTheEventAsItIs: the caller may change its slices afterwards.
func TestAppendTakesTheEventAsItIs(t *testing.T) {
	dir := t.TempDir()
	l := opened(t, dir, nil)
	grants := []string{"read /a"}
	r := l.Append("p", Grant{Grants: grants})
	grants[0] = "read /b"
	must(t, r.Wait(t.Context()))
	if got := records(t, dir, Query{})[0].Words(); !strings.Contains(got, "read /a") {
		t.Error(got)
	}
}

func TestParseHead(t *testing.T) {
	good, err := firstHead().encode()
	must(t, err)
	if h, err := parseHead(good); err != nil || h != firstHead() {
		t.Errorf("%+v, %v", h, err)
	}
	full := head{V: 1, Seq: 3, Hash: digest(nil), File: "audit-000002.jsonl", Size: 400}
	text, err := full.encode()
	must(t, err)
	if h, err := parseHead(text); err != nil || h != full {
		t.Errorf("%+v, %v", h, err)
	}
	for _, c := range []struct{ old, new string }{
		{"\n", ""}, {"{", "{ "}, {`"seq":3`, `"seq":0`}, {`"seq":3`, `"seq":-3`}, {"000002", "2"}, {"audit-000002.jsonl", "../../etc/passwd"},
		{`"size":400`, `"size":-1`}, {`"size":400`, `"size":0`}, {`"v":1`, `"v":2`}, {digest(nil), "sha256:00"},
	} {
		if h, err := parseHead(bytes.Replace(text, []byte(c.old), []byte(c.new), 1)); err == nil {
			t.Errorf("%s in the place of %s is taken: %+v", c.new, c.old, h)
		}
	}
}

func TestFileNumber(t *testing.T) {
	for name, want := range map[string]int{
		"audit-000001.jsonl": 1, "audit-999999.jsonl": 999999, "audit-1000000.jsonl": 1000000, "audit-1.jsonl": 0, "audit-0000001.jsonl": 0,
		"audit-000000.jsonl": 0, "audit--00001.jsonl": 0, "audit-+00001.jsonl": 0, "000001": 0, "audit-000001.jsonl.gz": 0, "audit-99999999999999999999.jsonl": 0,
	} {
		if got, ok := fileNumber(name); ok != (want > 0) || ok && got != want {
			t.Errorf("%s: %d, %t", name, got, ok)
		}
	}
}
