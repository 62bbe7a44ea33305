// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// rewrite returns what stands in the place of a text. The key is the name that
// the text has in its document, empty for prose.
type rewrite func(key, text string) string

func (w rewrite) prose(s string) string { return w("", s) }

func (w rewrite) all(key string, list []string) []string {
	if list == nil {
		return nil
	}
	return mapped(list, func(s string) string { return w(key, s) })
}

// each applies a change to a copy of a list; nil stays nil.
func each[T any](list []T, change func(T) T) []T {
	if list == nil {
		return nil
	}
	return mapped(list, change)
}

// rewriteDoctor returns a copy of a diagnosis in which every text from outside
// is rewritten, but for codes, areas and the names of plugins and walls.
func rewriteDoctor(d Doctor, w rewrite) Doctor {
	d.Target.Path = w("path", d.Target.Path)
	d.Areas = each(d.Areas, func(a Area) Area { a.Headline = w.prose(a.Headline); return a })
	d.RootCauses = each(d.RootCauses, w.rootCause)
	d.Findings = each(d.Findings, w.finding)
	d.Skipped = each(d.Skipped, func(s Skip) Skip {
		s.Subject, s.Reason = w.prose(s.Subject), w.prose(s.Reason)
		return s
	})
	d.Plugins = each(d.Plugins, w.plugin)
	d.Diagnostics = each(d.Diagnostics, w.diagnostic)
	d.Facts = each(d.Facts, w.fact)
	return d
}

// rewriteFacts is rewriteDoctor for facts.
func rewriteFacts(f Facts, w rewrite) Facts {
	f.Target.Path = w("path", f.Target.Path)
	f.Facts = each(f.Facts, w.fact)
	f.Diagnostics = each(f.Diagnostics, w.diagnostic)
	return f
}

func (w rewrite) rootCause(c RootCause) RootCause {
	c.ID, c.Subject, c.Title = w.id(c.ID), w.prose(c.Subject), w.prose(c.Title)
	c.Explains = each(c.Explains, w.id)
	return c
}

func (w rewrite) finding(f Finding) Finding {
	f.ID, f.RootCause = w.id(f.ID), w.id(f.RootCause)
	f.Subject, f.Title, f.Detail, f.Cause = w.prose(f.Subject), w.prose(f.Title), w.prose(f.Detail), w.prose(f.Cause)
	f.Evidence = each(f.Evidence, w.evidence)
	f.Remedies = each(f.Remedies, func(r Remedy) Remedy {
		r.Summary, r.Preview = w.prose(r.Summary), w.all("", r.Preview)
		return r
	})
	f.Verify = w.all("", f.Verify)
	if f.Waived != nil {
		waived := *f.Waived
		waived.Reason, waived.By = w.prose(waived.Reason), w("user", waived.By)
		f.Waived = &waived
	}
	return f
}

// id rewrites the subject of "code[subject]".
func (w rewrite) id(id string) string {
	code, subject, ok := strings.Cut(id, "[")
	if !ok {
		return id
	}
	return code + "[" + w.prose(subject)
}

func (w rewrite) evidence(e fact.Evidence) fact.Evidence {
	e.Fact, e.Path, e.Call, e.Value = w.address(e.Fact), w("path", e.Path), w.prose(e.Call), w(lastWord(e.Fact), e.Value)
	return e
}

func (w rewrite) fact(f fact.Fact) fact.Fact {
	key := lastWord(f.Address)
	f.Address, f.Unknown = w.address(f.Address), w.prose(f.Unknown)
	f.Value = w.json(key, f.Value)
	f.Evidence = each(f.Evidence, w.evidence)
	return f
}

// lastWord is the last word of an address: "gpu.serial" gives "serial".
func lastWord(address string) string {
	words := WithoutKeys(address)
	return words[strings.LastIndexByte(words, '.')+1:]
}

var (
	keyEscaper   = strings.NewReplacer("%", "%25", "]", "%5D")
	keyUnescaper = strings.NewReplacer("%25", "%", "%5D", "]")
)

// address rewrites the keys of an address; its words stay.
func (w rewrite) address(address string) string {
	var b strings.Builder
	for {
		head, rest, ok := strings.Cut(address, "[")
		b.WriteString(head)
		if !ok {
			return b.String()
		}
		key, rest, closed := strings.Cut(rest, "]")
		b.WriteString("[" + keyEscaper.Replace(w("", keyUnescaper.Replace(key))))
		if !closed {
			return b.String()
		}
		b.WriteByte(']')
		address = rest
	}
}

func (w rewrite) plugin(p Plugin) Plugin {
	s := &p.Sandbox
	s.Walls = each(s.Walls, func(x Wall) Wall { x.Detail = w.prose(x.Detail); return x })
	s.Fallen, s.Skipped = w.all("", s.Fallen), w.all("path", s.Skipped)
	s.Refused = each(s.Refused, func(x Refusal) Refusal {
		x.What, x.Grant = w.prose(x.What), w.prose(x.Grant)
		return x
	})
	return p
}

func (w rewrite) diagnostic(d Diagnostic) Diagnostic {
	d.Summary, d.Detail, d.Debug, d.Path = w.prose(d.Summary), w.prose(d.Detail), w.prose(d.Debug), w.all("", d.Path)
	if d.Range != nil {
		at := *d.Range
		at.File = w("path", at.File)
		d.Range = &at
	}
	if d.Snippet != nil {
		s := *d.Snippet
		s.Context, s.Code = w.prose(s.Context), w.prose(s.Code)
		d.Snippet = &s
	}
	return d
}

// json rewrites the strings of a JSON value, names of members too. Numbers,
// order and everything else stay as they are written.
func (w rewrite) json(key string, raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 || !json.Valid(raw) {
		return raw
	}
	out := make([]byte, 0, len(raw))
	keys := []string{key}
	for i := 0; i < len(raw); {
		switch c := raw[i]; c {
		case '"':
			end := stringEnd(raw, i)
			text := unquoted(raw[i:end])
			if next := nextByte(raw, end); next == ':' {
				keys[len(keys)-1] = text
				text = w("", text)
			} else {
				text = w(keys[len(keys)-1], text)
			}
			out = append(out, quoted(text)...)
			i = end
			continue
		case '{':
			keys = append(keys, keys[len(keys)-1])
		case '}':
			keys = keys[:len(keys)-1]
		}
		out = append(out, raw[i])
		i++
	}
	return slices.Clip(escapeHostile(out))
}

// stringEnd is the index after the closing quote of the string at i.
func stringEnd(raw []byte, i int) int {
	for i++; raw[i] != '"'; i++ {
		if raw[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// nextByte is the first byte after white space.
func nextByte(raw []byte, i int) byte {
	for ; i < len(raw); i++ {
		if !strings.ContainsRune(" \t\r\n", rune(raw[i])) {
			return raw[i]
		}
	}
	return 0
}

func unquoted(raw []byte) (s string) {
	_ = json.Unmarshal(raw, &s) // the value is valid JSON
	return s
}

// quoted writes a JSON string without escaping what HTML would.
func quoted(s string) []byte {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always has a form
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}
