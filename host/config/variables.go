// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// declaration is a variable block on its way to a value.
type declaration struct {
	section
	v        *Variable
	ty       cty.Type
	defaults *typeexpr.Defaults
	fallback cty.Value
}

// given is a value for a variable with the place that it comes from.
type given struct {
	value cty.Value
	at    hcl.Range
	from  string
}

// variables reads the declarations and gives each its strongest value.
func (l *loader) variables() {
	var decls []*declaration
	for _, b := range l.blocks["variable"] {
		if name, ok := l.label(b, "variable"); ok {
			d := l.declaration(name, b)
			decls = append(decls, d)
			l.cfg.Variables = append(l.cfg.Variables, d.v)
		}
	}
	values := l.fileValues()
	l.flagValues(decls, values)
	l.unknownVariables(decls, values)
	for _, d := range decls {
		l.scope.set("var", d.v.Name, l.variableValue(d, values))
	}
}

func (l *loader) declaration(name string, b *hcl.Block) *declaration {
	s := l.section(variableBlock(), b)
	d := &declaration{section: s, ty: cty.DynamicPseudoType}
	d.v = &Variable{
		Name:        name,
		Description: s.text("description"),
		Sensitive:   s.flag("sensitive"),
		Range:       rangeOf(b.DefRange),
	}
	if a, ok := s.attrs["type"]; ok {
		ty, defaults, diags := typeexpr.TypeConstraintWithDefaults(a.Expr)
		l.add(fromHCL(diags)...)
		if !diags.HasErrors() {
			d.ty, d.defaults = ty, defaults
		}
	}
	d.v.Type = typeexpr.TypeString(d.ty)
	d.readDefault()
	return d
}

// readDefault evaluates the default, which can use no other name.
func (d *declaration) readDefault() {
	a, ok := d.attrs["default"]
	d.v.Required = !ok
	if !ok {
		return
	}
	v, diags := newScope().eval(a.Expr)
	d.l.add(diags...)
	if !diags.HasErrors() {
		d.fallback = d.converted(given{v, a.Expr.Range(), "the default"})
	}
}

// converted gives the value the declared type.
func (d *declaration) converted(g given) cty.Value {
	v := g.value
	if d.defaults != nil && !v.IsNull() {
		v = d.defaults.Apply(v)
	}
	v, err := convert.Convert(v, d.ty)
	if err != nil {
		d.l.errorf(g.at, "Wrong type", "Variable %q takes a value of type %s, which %s is not: %v.",
			d.v.Name, d.v.Type, g.from, err)
		return cty.DynamicVal
	}
	return v
}

func (l *loader) variableValue(d *declaration, values map[string]given) cty.Value {
	v := d.fallback
	switch g, ok := values[d.v.Name]; {
	case ok:
		v = d.converted(g)
	case v == cty.NilVal:
		if d.v.Required {
			l.errorf(d.at, "Variable without a value",
				"Variable %q has no default. Give it with --var %s=VALUE, in a variable file, or as %s%s in the environment.",
				d.v.Name, d.v.Name, EnvPrefix, d.v.Name)
		}
		v = cty.DynamicVal
	}
	if d.v.Sensitive {
		v = v.Mark(sensitiveMark)
	}
	return v
}

// fileValues reads the variable files; a later one wins.
func (l *loader) fileValues() map[string]given {
	values := map[string]given{}
	for _, path := range l.opts.VarFiles {
		for name, attr := range l.variableFile(path) {
			v, diags := newScope().eval(attr.Expr)
			l.add(diags...)
			if !diags.HasErrors() {
				values[name] = given{v, attr.Expr.Range(), "the value in " + path}
			}
		}
	}
	return values
}

func (l *loader) variableFile(path string) hcl.Attributes {
	src, d := readFile(path)
	if d != nil {
		l.add(d)
		return nil
	}
	file, diags := parse(src, path)
	l.cfg.sources[path] = file
	l.add(diags...)
	if diags.HasErrors() {
		return nil
	}
	attrs, more := file.Body.JustAttributes()
	l.add(fromHCL(more)...)
	return attrs
}

// flagValues adds values from the environment, which are weaker than those of
// files, and from the command line, which are stronger.
func (l *loader) flagValues(decls []*declaration, values map[string]given) {
	for _, d := range decls {
		name := d.v.Name
		if l.opts.LookupEnv != nil {
			text, ok := l.opts.LookupEnv(EnvPrefix + name)
			if _, stronger := values[name]; ok && !stronger {
				l.textValue(d, text, "the environment variable "+EnvPrefix+name, values)
			}
		}
		if text, ok := l.opts.Vars[name]; ok {
			l.textValue(d, text, "the value of --var "+name, values)
		}
	}
}

// textValue reads a value that is not in a file. A message about it shows the
// declaration.
func (l *loader) textValue(d *declaration, text, from string, values map[string]given) {
	if d.ty == cty.String || d.ty == cty.DynamicPseudoType && !looksComposite(text) {
		values[d.v.Name] = given{cty.StringVal(text), d.at, from}
		return
	}
	v, err := parseValue(text)
	if err != "" {
		l.errorf(d.at, "Invalid value of a variable", "%s is not a value of type %s: %s", capital(from), d.v.Type, err)
		return
	}
	values[d.v.Name] = given{v, d.at, from}
}

func looksComposite(text string) bool {
	return len(text) > 0 && (text[0] == '[' || text[0] == '{')
}

// parseValue reads an expression without names; the text says what is wrong.
func parseValue(text string) (cty.Value, string) {
	if len(text) > MaxFileBytes {
		return cty.NilVal, "it is too long."
	}
	if d := checkNesting([]byte(text), "value"); d != nil {
		return cty.NilVal, d.Detail
	}
	expr, diags := hclsyntax.ParseExpression([]byte(text), "value", hcl.InitialPos)
	if diags.HasErrors() {
		return cty.NilVal, fromHCL(diags)[0].Detail
	}
	v, more := newScope().eval(expr)
	if more.HasErrors() {
		return cty.NilVal, more[0].Detail
	}
	return v, ""
}

// unknownVariables reports values for variables that nobody declares.
func (l *loader) unknownVariables(decls []*declaration, values map[string]given) {
	var known []string
	for _, d := range decls {
		known = append(known, d.v.Name)
	}
	for _, name := range keys(values) {
		if !slices.Contains(known, name) {
			l.errorf(values[name].at, "Unknown variable", "No variable %q is declared.%s", name, Suggest(name, known))
		}
	}
	for _, name := range keys(l.opts.Vars) {
		if !slices.Contains(known, name) {
			l.add(newDiagnostic(SeverityError, Range{}, "Unknown variable",
				"--var gives %q a value, and no such variable is declared.%s", name, Suggest(name, known)))
		}
	}
}

// validations checks the variables' own conditions, once all values are known.
func (sp *space) validations(variables hcl.Blocks) {
	for _, b := range variables {
		s := sp.section(variableBlock(), b)
		for _, v := range s.blocks.OfType("validation") {
			condition := sp.section(variableBlock().block("validation"), v)
			if arg, ok := sp.arguments[b.Labels[0]]; ok {
				condition.at = arg.Expr.Range()
			}
			sp.l.validation(b.Labels[0], condition)
		}
	}
}

func (l *loader) validation(name string, s section) {
	message := s.text("error_message")
	a, ok := s.attrs["condition"]
	if !ok {
		return
	}
	v, diags := s.scope.eval(a.Expr)
	l.add(diags...)
	if diags.HasErrors() {
		return
	}
	ok, err := truth(v)
	switch {
	case err != nil:
		l.errorf(a.Expr.Range(), "Wrong type", "A condition is true or false: %v.", err)
	case !ok && s.at.Filename != a.Range.Filename: // the argument of a module
		l.errorf(s.at, "Invalid value of a variable", "Variable %q of the module: %s (The condition is at %s.)", name, message, rangeOf(a.Expr.Range()))
	case !ok:
		l.errorf(a.Expr.Range(), "Invalid value of a variable", "Variable %q: %s", name, message)
	}
}

// truth reads a condition. An unknown one passes: what made it unknown has
// been reported.
func truth(v cty.Value) (bool, error) {
	v, _ = v.UnmarkDeep()
	v, err := convert.Convert(v, cty.Bool)
	switch {
	case err != nil:
		return false, err
	case !v.IsKnown():
		return true, nil
	case v.IsNull():
		return false, fmt.Errorf("it is null")
	default:
		return v.True(), nil
	}
}

func typeName(ty cty.Type) string { return typeexpr.TypeString(ty) }
