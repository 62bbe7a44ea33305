// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"errors"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// text is the value of an attribute that is a plain text; empty for anything
// else.
func text(n *node) string {
	if n == nil {
		return ""
	}
	v, ok := n.expr.constant()
	if !ok || v.IsNull() || v.Type() != cty.String {
		return ""
	}
	return v.AsString()
}

func duration(n *node) (time.Duration, bool) {
	if n == nil {
		return 0, false
	}
	d, err := time.ParseDuration(text(n))
	return d, err == nil && d > 0
}

// value holds an attribute against its rule, as far as it can be told without
// evaluating names and functions.
func (c *checker) value(n *node, rule attrSpec, step string) {
	if n.expr.bad != "" {
		c.add(step, n.kind, n.at, "%s.", n.expr.bad)
		return
	}
	node, diags := n.expr.parse()
	if diags.HasErrors() {
		c.add(step, n.kind, n.at, "%s is not an expression: %s", quote(shorten(n.expr.text)), diags[0].Detail)
		return
	}
	switch rule.kind {
	case aReference:
		return // checked where all steps are known
	case aName:
		c.bareNames(n, step)
		return
	case aType:
		if _, _, diags := typeexpr.TypeConstraintWithDefaults(node); diags.HasErrors() {
			c.add(step, n.kind, n.at, "%s", diags[0].Detail)
		}
		return
	}
	if v, ok := constantOf(node); ok {
		c.constant(n, v, rule, step)
	}
}

// kinds are the types of the language for those of attributes.
var kinds = map[attrKind]cty.Type{
	aText: cty.String, aBool: cty.Bool, aWhole: cty.Number, aFraction: cty.Number, aDuration: cty.String, aSize: cty.String,
	aTextMap: cty.Map(cty.String), aTextList: cty.List(cty.String),
}

// constant checks a value that is known.
func (c *checker) constant(n *node, v cty.Value, rule attrSpec, step string) {
	ty, typed := kinds[rule.kind]
	if !typed || v.IsNull() {
		return
	}
	v, err := convert.Convert(v, ty)
	if err != nil {
		c.add(step, n.kind, n.at, "It takes a value of type %s: %v.", ty.FriendlyName(), err)
		return
	}
	switch rule.kind {
	case aText:
		c.textValue(n, v.AsString(), rule, step)
	case aWhole:
		c.whole(n, v.AsBigFloat(), rule, step)
	case aFraction:
		if x, _ := v.AsBigFloat().Float64(); !(x > 0 && x < 1) {
			c.add(step, n.kind, n.at, "It takes a number above 0 and below 1, and neither itself.")
		}
	case aDuration:
		if d, err := time.ParseDuration(v.AsString()); err != nil || d <= 0 {
			c.add(step, n.kind, n.at, "It takes a duration above zero such as \"90s\" or \"1h30m\", not %q.", shorten(v.AsString()))
		}
	case aSize:
		c.size(n, v.AsString(), rule, step)
	}
}

func (c *checker) textValue(n *node, text string, rule attrSpec, step string) {
	if len(rule.oneOf) > 0 && !slices.Contains(rule.oneOf, text) {
		c.add(step, n.kind, n.at, "It must be one of %s, not %q.%s", strings.Join(rule.oneOf, ", "), shorten(text), near(text, rule.oneOf))
	}
	if len(rule.oneOf) == 0 && strings.TrimSpace(text) == "" && n.kind != "description" {
		c.add(step, n.kind, n.at, "It is empty.")
	}
}

// constantText is a text that is known.
func constantText(v cty.Value) (string, bool) {
	if v.IsNull() || !v.IsKnown() || v.Type() != cty.String {
		return "", false
	}
	return v.AsString(), true
}

func (c *checker) whole(n *node, f *big.Float, rule attrSpec, step string) {
	tooLarge := rule.most > 0 && f.Cmp(big.NewFloat(rule.most)) > 0
	if !f.IsInt() || f.Cmp(big.NewFloat(rule.least)) < 0 || tooLarge {
		c.add(step, n.kind, n.at, "It takes a whole number from %.0f to %.0f.", rule.least, rule.most)
	}
}

func (c *checker) size(n *node, text string, rule attrSpec, step string) {
	bytes, err := parseSize(text)
	switch {
	case err != nil:
		c.add(step, n.kind, n.at, "It takes a size with its unit such as \"512MiB\" or \"1GB\", not %q: %v.", shorten(text), err)
	case bytes < rule.least:
		c.add(step, n.kind, n.at, "%s is too small; the least is %.0f KiB.", text, rule.least/1024)
	case rule.most > 0 && bytes > rule.most:
		c.add(step, n.kind, n.at, "%s is too large; the most is %.0f KiB.", text, rule.most/1024)
	}
}

// units of sizes.
var units = map[string]float64{
	"B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
}

// parseSize reads a number of bytes with its unit.
func parseSize(text string) (float64, error) {
	text = strings.TrimSpace(text)
	end := strings.LastIndexAny(text, "0123456789.") + 1
	unit, ok := units[strings.TrimSpace(text[end:])]
	if !ok {
		return 0, errors.New("it has no unit that is known")
	}
	n, err := strconv.ParseFloat(text[:end], 64)
	if err != nil || strings.Trim(text[:end], "0123456789.") != "" {
		return 0, errors.New("it is not a number with a unit")
	}
	return n * unit, nil
}

// bareNames checks names without quotes, one or a list: data.prepare.
func (c *checker) bareNames(n *node, step string) {
	names, ok := namesOf(*n.expr, n.kind == "run" || n.kind == "skip")
	if !ok {
		c.add(step, n.kind, n.at, "It takes names without quotes such as %s, not %s.", exampleOf(n.kind), shorten(n.expr.text))
		return
	}
	for _, name := range names {
		if n.kind == "use" && (len(names) > 1 || strings.Count(name, ".") != 1) {
			c.add(step, n.kind, n.at, "It takes one PLUGIN.KERNEL such as data.prepare, not %s.", shorten(n.expr.text))
			return
		}
		root, _, _ := strings.Cut(name, ".")
		if n.kind == "preflight" && root != suiteBlock && root != requireBlock {
			c.add(step, n.kind, n.at, "It takes suite.NAME and require.NAME, not %s.", shorten(name))
		}
	}
}

func exampleOf(kind string) string {
	switch kind {
	case "use":
		return "data.prepare"
	case "preflight":
		return "suite.training_box"
	}
	return "system.all"
}

// namesOf reads one bare name or a list of them; quoted allows texts as well.
func namesOf(e Expr, quoted bool) ([]string, bool) {
	node, diags := e.parse()
	if diags.HasErrors() {
		return nil, false
	}
	all := []hcl.Expression{node}
	if list, diags := hcl.ExprList(node); !diags.HasErrors() {
		all = list
	}
	var out []string
	for _, one := range all {
		name, ok := bareName(one)
		if v, isText := textOf(one); !ok && quoted && isText {
			name, ok = v, true
		}
		if !ok {
			return nil, false
		}
		out = append(out, name)
	}
	return out, true
}

func bareName(e hcl.Expression) (string, bool) {
	t, diags := hcl.AbsTraversalForExpr(e)
	if diags.HasErrors() {
		return "", false
	}
	parts := []string{t.RootName()}
	for _, step := range t[1:] {
		attr, ok := step.(hcl.TraverseAttr)
		if !ok {
			return "", false
		}
		parts = append(parts, attr.Name)
	}
	return strings.Join(parts, "."), true
}

func textOf(e hcl.Expression) (string, bool) {
	if len(e.Variables()) > 0 {
		return "", false
	}
	v, diags := e.Value(nil)
	if diags.HasErrors() || v.IsNull() || !v.IsKnown() || v.Type() != cty.String {
		return "", false
	}
	return v.AsString(), true
}
