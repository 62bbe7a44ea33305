// SPDX-License-Identifier: Apache-2.0

package pipeline

// Pipeline is one pipeline with the variables, locals and policy that it needs:
// the content of one file. Adding to it is not safe for concurrent use; writing,
// comparing and starting it are.
type Pipeline struct{ Steps }

// Option is a setting of a pipeline.
type Option interface{ pipeline(*node) }

type pipelineOption struct {
	name  string
	value Expr
}

func (o pipelineOption) pipeline(n *node) { set(n, o.name, o.value) }

// New starts a pipeline without steps.
func New(name string, options ...Option) *Pipeline {
	d := newDocument(false)
	body := &node{kind: pipelineBlock, labels: []string{name}}
	p := &Pipeline{Steps{doc: d, body: body}}
	if !validLabel().MatchString(name) {
		p.refuse(body, name)
		body.labels[0] = "invalid"
	}
	for _, o := range options {
		o.pipeline(body)
	}
	body.sortAttributes(specs[pipelineBlock].attrs)
	relead(body)
	d.root.add(body)
	return p
}

// Parse reads a file with one pipeline. What cannot be expressed here, such as a
// second pipeline or a block of another type, is a *StepError with its place, and
// so is every mistake that can be told from the file alone. The names in outside
// are those that other files declare; see Steps.Outside.
//
// Comments, blank lines and the order of everything are kept: for every file
// that Parse takes, HCL gives what `bulkhead fmt` makes of it.
func Parse(src []byte, filename string, outside ...string) (*Pipeline, error) {
	d, err := parse(src, filename, false, outside)
	if err != nil {
		return nil, err
	}
	return &Pipeline{Steps{doc: d, body: d.root.blocks(pipelineBlock)[0]}}, nil
}

// Name of the pipeline.
func (p *Pipeline) Name() string { return p.body.labels[0] }

// Equal reports whether two pipelines are written alike, but for comments, white
// space and the order of attributes in a block.
func (p *Pipeline) Equal(q *Pipeline) bool { return p.doc.root.equal(q.doc.root) }

// About says what the pipeline is for.
func About(text string) Option { return pipelineOption{"description", Value(text)} }

// Preflight names what must hold before the pipeline starts: "suite.NAME" and
// "require.NAME", of this file or of another one.
func Preflight(names ...string) Option {
	e := Expr{}
	for i, name := range names {
		if i > 0 {
			e.text += ", "
		}
		e.text += name
	}
	if len(names) != 1 {
		e.text = "[" + e.text + "]"
	}
	return pipelineOption{"preflight", e}
}

// MaxMemory bounds the memory of the host that tables between the kernels take,
// such as "256MiB"; what is more is spilled to disk.
func MaxMemory[T Text](size T) Option { return pipelineOption{"max_memory", Value(size)} }

// MaxSpill bounds the disk that tables take beyond that.
func MaxSpill[T Text](size T) Option { return pipelineOption{"max_spill", Value(size)} }

// BatchRows bounds the rows of a batch, 1 to 65536.
func BatchRows[T Whole](rows T) Option { return pipelineOption{"batch_rows", Value(rows)} }

// BatchBytes bounds the size of a batch, such as "4MiB".
func BatchBytes[T Text](size T) Option { return pipelineOption{"batch_bytes", Value(size)} }

// Suite adds a set of checks for Preflight: "gpu.all", "python.torch",
// "require.modern_driver". Skip names those that are left out of it.
func (p *Pipeline) Suite(name string, run []string, skip ...string) {
	n := &node{kind: suiteBlock, labels: []string{name}}
	set(n, "run", selectors(run))
	if len(skip) > 0 {
		set(n, "skip", selectors(skip))
	}
	p.policy(n, name)
}

// selectors writes checks; those that are no names of the language are quoted.
func selectors(names []string) Expr {
	text := ""
	for i, name := range names {
		if i > 0 {
			text += ", "
		}
		if _, ok := namesOf(Expr{text: name}, false); ok {
			text += name
		} else {
			text += quote(name)
		}
	}
	return Expr{text: "[" + text + "]"}
}

// Require adds a condition on facts for Preflight, with what to say when it does
// not hold; both may use fact.ADDRESS.
func (p *Pipeline) Require(name string, condition, message Expr) {
	n := &node{kind: requireBlock, labels: []string{name}}
	set(n, "condition", condition)
	set(n, "message", message)
	p.policy(n, name)
}

// Plugin names an executable that kernels come from: a path that starts with ./,
// ../ or /, or builtin/NAME with a constraint on its version.
func (p *Pipeline) Plugin(name, source, version string) {
	n := &node{kind: pluginBlock, labels: []string{name}}
	set(n, "source", Value(source))
	if version != "" {
		set(n, "version", Value(version))
	}
	p.policy(n, name)
}

func (p *Pipeline) policy(n *node, name string) {
	if !validLabel().MatchString(name) {
		p.refuse(n, name)
		return
	}
	relead(n)
	p.declaration(n)
}

// Module is the content of a file in the directory of a module: steps to be used
// in several places. Adding to it is not safe for concurrent use; writing and
// comparing it are.
type Module struct{ Steps }

// NewModule starts a module without steps.
func NewModule() *Module {
	d := newDocument(true)
	return &Module{Steps{doc: d, body: d.root}}
}

// ParseModule is Parse for a file of a module.
func ParseModule(src []byte, filename string, outside ...string) (*Module, error) {
	d, err := parse(src, filename, true, outside)
	if err != nil {
		return nil, err
	}
	return &Module{Steps{doc: d, body: d.root}}, nil
}

// Equal is that of Pipeline.
func (m *Module) Equal(o *Module) bool { return m.doc.root.equal(o.doc.root) }

// Input declares a table that whoever uses the module must give.
func (m *Module) Input(name, description string) Ref {
	n := &node{kind: inputBlock, labels: []string{name}}
	if description != "" {
		set(n, "description", Value(description))
	}
	return m.step(n)
}

// Output declares a table that the module gives.
func (m *Module) Output(name string, value Input) {
	n := &node{kind: outputBlock, labels: []string{name}}
	m.reads(n, "value", value)
	m.step(n)
}
