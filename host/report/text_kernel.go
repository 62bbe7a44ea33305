// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// renderers are the keys of kernel reports that have a form of their own, in
// the order in which they are shown. What is not here is shown as key: value.
var renderers = []struct {
	keys  []string
	write func(p *page, key string, v any)
}{
	{[]string{"verdict"}, (*page).sentence},
	{[]string{"ab"}, (*page).comparison},
	{[]string{"model", "chosen_model", "best_model", "winner", "chosen"}, (*page).chosen},
	{[]string{"leaderboard"}, (*page).board},
	{[]string{"metrics"}, (*page).metrics},
	{[]string{"quality_score"}, (*page).score},
	{[]string{"quality_score_breakdown"}, (*page).bars},
}

// maxShort is how many further keys the terse text shows.
const maxShort = 12

// kernelReport writes a report: the known keys first, then the others in
// alphabetical order.
func (p *page) kernelReport(o object) {
	rest := maps.Clone(o)
	for _, r := range renderers {
		for _, key := range r.keys {
			if v, ok := rest[key]; ok {
				r.write(p, key, v)
				delete(rest, key)
			}
		}
	}
	for i, key := range slices.Sorted(maps.Keys(rest)) {
		if i == maxShort && !p.opt.Verbose {
			p.line(2, fmt.Sprintf("and %s more with -v", plural(len(rest)-i, "key")))
			return
		}
		p.keyValue(key, rest[key])
	}
}

// keyValue writes one line; with Verbose a list of objects becomes a table and
// long text is wrapped instead of cut.
func (p *page) keyValue(key string, v any) {
	items, ok := objects(v)
	switch {
	case ok && p.opt.Verbose:
		p.line(2, label(key)+":")
		p.objectTable(4, items)
	case ok:
		p.line(2, fmt.Sprintf("%s: %s", label(key), plural(len(items), "row")))
	case p.opt.Verbose:
		p.hanging(2, p.clean(cut(CleanLine(label(key)), p.width/2))+": ", short(v))
	default:
		p.line(2, label(key)+": "+short(v))
	}
}

// label turns a key into words: "quality_score" is "quality score".
func label(key string) string { return strings.ReplaceAll(key, "_", " ") }

func (p *page) sentence(_ string, v any) { p.prose(2, short(v)) }

// chosen names the model that was chosen. An object shows its name first.
func (p *page) chosen(key string, v any) {
	o, ok := v.(object)
	if !ok {
		p.hanging(2, p.clean(label(key))+": ", short(v))
		return
	}
	rest := maps.Clone(o)
	name := short(rest["name"])
	delete(rest, "name")
	if len(rest) > 0 {
		name += " (" + shortObject(rest) + ")"
	}
	if !p.opt.Verbose {
		p.line(2, label(key)+": "+name)
		return
	}
	p.hanging(2, p.clean(label(key))+": ", name)
}

func (p *page) board(key string, v any) {
	items, ok := objects(v)
	if !ok {
		p.keyValue(key, v)
		return
	}
	p.line(2, label(key)+":")
	p.objectTable(4, items)
}

// metrics writes one line for each metric; {mean, sd} reads "mean +- sd".
func (p *page) metrics(key string, v any) {
	o, ok := v.(object)
	if !ok {
		p.keyValue(key, v)
		return
	}
	p.line(2, label(key)+":")
	t := table{heads: []string{"metric", "value"}, right: []bool{false, true}}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		t.add(label(name), measured(o[name]))
	}
	p.table(4, t)
}

// measured writes a measured number with its spread.
func measured(v any) string {
	o, ok := v.(object)
	if !ok {
		return short(v)
	}
	mean, hasMean := o["mean"]
	for _, key := range []string{"sd", "std"} {
		if spread, ok := o[key]; ok && hasMean {
			return short(mean) + " +- " + short(spread)
		}
	}
	return short(v)
}

func (p *page) score(key string, v any) {
	p.line(2, label(key)+": "+short(v))
}

// barWidth is the length of the bar for the score 1, in columns.
const barWidth = 20

// bars writes sub-scores of 0 to 1 as bars. A sub-score is a number, or an
// object with a number under "score".
func (p *page) bars(key string, v any) {
	o, ok := v.(object)
	if !ok {
		p.keyValue(key, v)
		return
	}
	p.line(2, label(key)+":")
	names := slices.Sorted(maps.Keys(o))
	width := 0
	for _, name := range names {
		width = min(max(width, columns(p.clean(label(name)))), p.width-barWidth-16)
	}
	for _, name := range names {
		p.bar(pad(cut(p.clean(label(name)), width), width), o[name])
	}
}

// widestScore is the room for a score such as 4.941e-324.
const widestScore = 12

func (p *page) bar(name string, v any) {
	value := v
	if o, ok := v.(object); ok {
		value = o["score"]
	}
	f, ok := float(value)
	if !ok || f < 0 || f > 1 {
		p.raw("    " + name + "  " + cut(p.clean(short(v)), p.width-columns(name)-6))
		return
	}
	length := min(barWidth, p.width-8-columns(name)-widestScore)
	full := int(f * float64(length)) // rounded down: only a score of 1 fills the bar
	p.raw("    " + name + "  " + strings.Repeat("#", full) + strings.Repeat(".", length-full) + "  " + short(value))
}
