// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Require is a condition on facts.
type Require struct {
	Name     string
	Severity Severity
	Range    Range

	condition, message hcl.Expression
	scope              *scope
	sources            sources
}

// Condition is the source text of the condition.
func (r *Require) Condition() string {
	text, _ := r.sources.text(r.condition.Range())
	return Clean(text)
}

// FactAddresses lists the facts that the condition and the message name,
// sorted, with instance keys where they are written out. A name that is not
// followed to the end, as in a loop over fact.gpu.device, stands for all facts
// below it.
func (r *Require) FactAddresses() []string {
	var out []string
	for _, t := range append(r.condition.Variables(), r.message.Variables()...) {
		if t.RootName() == "fact" && len(t) > 1 {
			out = append(out, factAddress(t))
		}
	}
	return sortedUnique(out)
}

// factAddress writes a reference as the address of a fact.
func factAddress(t hcl.Traversal) string {
	var out strings.Builder
	for _, step := range t[1:] {
		switch s := step.(type) {
		case hcl.TraverseAttr:
			if out.Len() > 0 {
				out.WriteByte('.')
			}
			out.WriteString(s.Name)
		case hcl.TraverseIndex:
			if key, err := convert.Convert(s.Key, cty.String); err == nil && key.IsKnown() && !key.IsNull() {
				fmt.Fprintf(&out, "[%s]", key.AsString())
			}
		default:
			return out.String()
		}
	}
	return out.String()
}

// checkNames reports names other than facts, variables and locals.
func (r *Require) checkNames() Diagnostics {
	var out Diagnostics
	for _, expr := range []hcl.Expression{r.condition, r.message} {
		out = append(out, r.scope.checkNames(expr.Variables(), []string{"fact"})...)
	}
	return out
}

// Eval judges facts that FactTree made. When facts that the condition needs
// are absent, missing names them and ok means nothing: the requirement is
// skipped. A fact inside try or can may be absent. Otherwise ok is the answer
// and, when it is false, message says what is wrong. Diagnostics with errors
// mean that the condition itself is at fault.
func (r *Require) Eval(facts cty.Value) (ok bool, message string, missing []string, diags Diagnostics) {
	roots := map[string]cty.Value{"fact": facts}
	v, missing, diags := r.evalOne(r.condition, roots)
	if len(missing) > 0 || diags.HasErrors() {
		return false, "", missing, r.sources.finish(diags)
	}
	ok, err := truth(v)
	if err != nil {
		bad := errorAt(r.condition.Range(), "Wrong type", "A condition is true or false: %v.", err)
		return false, "", nil, r.sources.finish(Diagnostics{bad})
	}
	if ok {
		return true, "", nil, nil
	}
	message, diags = r.say(roots)
	return false, message, nil, r.sources.finish(diags)
}

// say evaluates the message. Without the facts that it names, it falls back to
// the condition, which did have its facts.
func (r *Require) say(roots map[string]cty.Value) (string, Diagnostics) {
	v, missing, diags := r.evalOne(r.message, roots)
	if diags.HasErrors() {
		return "", diags
	}
	if len(missing) > 0 {
		return fmt.Sprintf("The requirement %q is not met: %s. Its message needs the unknown %s.",
			r.Name, r.Condition(), strings.Join(missing, ", ")), nil
	}
	if v.ContainsMarked() {
		return "", Diagnostics{errorAt(r.message.Range(), "Sensitive value in plain sight",
			"The message is shown in reports, so a sensitive value cannot stand in it.")}
	}
	v, err := convert.Convert(v, cty.String)
	if err != nil || v.IsNull() || !v.IsKnown() {
		return "", Diagnostics{errorAt(r.message.Range(), "Wrong type", "A message is a text.")}
	}
	return v.AsString(), nil
}

// evalOne evaluates an expression and tells absent facts from mistakes.
func (r *Require) evalOne(expr hcl.Expression, roots map[string]cty.Value) (cty.Value, []string, Diagnostics) {
	s := r.scope.fork()
	uses := expr.Variables()
	if diags := s.check(expr, uses, roots); diags.HasErrors() {
		return cty.DynamicVal, nil, diags
	}
	v, found := expr.Value(s.context(uses, roots))
	var missing []string
	var other hcl.Diagnostics
	for _, d := range found {
		if address, ok := r.absentFact(d); ok {
			missing = append(missing, address)
			continue
		}
		other = append(other, d)
	}
	return v, sortedUnique(missing), s.conceal(expr, fromHCL(other))
}

// absentFact recognises an error that is a look-up of a fact that is not
// there: the expression at fault is a reference, and it fails by itself.
func (r *Require) absentFact(d *hcl.Diagnostic) (string, bool) {
	if d.Severity != hcl.DiagError || d.Expression == nil || d.EvalContext == nil {
		return "", false
	}
	uses := d.Expression.Variables()
	if len(uses) == 0 {
		return "", false
	}
	if _, own := r.scope.values[uses[0].RootName()]; own || !isLookup(d.Expression) {
		return "", false
	}
	if _, diags := d.Expression.Value(d.EvalContext); !diags.HasErrors() {
		return "", false
	}
	if uses[0].RootName() == "fact" {
		return factAddress(uses[0]), true
	}
	at := d.Expression.Range()
	if text, ok := r.sources.text(at); ok {
		return text, true
	}
	return at.String(), true
}

// isLookup reports an expression that is a reference and nothing else.
func isLookup(expr hcl.Expression) bool {
	switch expr.(type) {
	case *hclsyntax.ScopeTraversalExpr, *hclsyntax.RelativeTraversalExpr, *hclsyntax.IndexExpr:
		return true
	}
	return false
}
