// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// moduleDir is a directory of a module, parsed once however often it is used.
type moduleDir struct {
	path   string
	blocks map[string]hcl.Blocks
	// broken: its files could not be read, which has been reported.
	broken bool
}

// moduleBlocks are the types of blocks that stand in the files of a module.
var moduleBlocks = []string{"variable", "locals", "input", "source", "kernel", "ab", "sink", "module", "output"}

// moduleOnly are the types that stand nowhere else.
var moduleOnly = []string{"input", "output"}

// moduleUse is a module block on its way to its instances.
type moduleUse struct {
	section
	dir  *moduleDir
	args hcl.Attributes
	at   *hcl.Block
}

// readModule reads a block that uses a module.
func (sp *space) readModule(st *member, b *hcl.Block) {
	known, rest, diags := b.Body.PartialContent(moduleBlock().hclSchema())
	sp.l.add(fromHCL(diags)...)
	args, diags := rest.JustAttributes()
	sp.l.add(fromHCL(diags)...)
	s := section{l: sp.l, schema: moduleBlock(), attrs: hcl.Attributes{}, at: b.DefRange, scope: sp.scope}
	if known != nil {
		s.attrs = known.Attributes
	}
	if _, ok := s.attrs["source"]; !ok {
		return
	}
	use := moduleUse{args: args, at: b}
	sp.expand(st, s, func(st *member, s section, key string) *instance {
		use := use
		use.section = s
		if use.dir = s.moduleDir(sp); use.dir == nil {
			return nil
		}
		return &instance{space: sp.instantiate(st, use, key)}
	})
}

// moduleDir finds the directory of a module and reads its files.
func (s section) moduleDir(sp *space) *moduleDir {
	p, at := s.path("source"), s.rangeFor("source")
	if p.Absolute == "" {
		return nil
	}
	path := p.Absolute
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = errors.New("it does not exist")
	case err == nil && !info.IsDir():
		err = errors.New("it is no directory")
	}
	if err != nil {
		s.l.errorf(at, "Unknown module", "A module is a directory of *.hcl files, and %q cannot be read: %v.", p.Written, reasonOf(err))
		return nil
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	dir, ok := s.l.moduleDirs[path]
	if !ok {
		dir = s.l.parseModule(path, p, at)
		s.l.moduleDirs[path] = dir
	}
	if dir.broken || !s.nests(sp, dir, at) {
		return nil
	}
	return dir
}

// nests reports a module inside itself, or too many inside each other.
func (s section) nests(sp *space, dir *moduleDir, at hcl.Range) bool {
	var chain []string
	for around := sp; around.caller != nil; around = around.caller {
		chain = append(chain, around.dir.path)
	}
	if i := slices.Index(chain, dir.path); i >= 0 {
		loop := append([]string{dir.path}, chain[:i+1]...)
		slices.Reverse(loop)
		s.l.errorf(at, "Cycle of modules", "%s. A module cannot hold itself.", shortCycle(s.l.relative(loop)))
		return false
	}
	if len(chain) >= MaxModuleDepth {
		s.l.errorf(at, "Modules too deep", "Modules may stand inside each other %d deep.", MaxModuleDepth)
		return false
	}
	return true
}

// relative shortens the paths of directories to what differs from the first file.
func (l *loader) relative(dirs []string) []string {
	out := slices.Clone(dirs)
	if len(l.cfg.Files) == 0 {
		return out
	}
	base, err := filepath.Abs(filepath.Dir(l.cfg.Files[0]))
	if err != nil {
		return out
	}
	if real, err := filepath.EvalSymlinks(base); err == nil {
		base = real
	}
	for i, dir := range dirs {
		if rel, err := filepath.Rel(base, dir); err == nil {
			out[i] = filepath.ToSlash(rel)
		}
	}
	return out
}

// parseModule reads the files of a directory. Their names start with the path as
// it was written, from the file that names it.
func (l *loader) parseModule(path string, p Path, at hcl.Range) *moduleDir {
	dir := &moduleDir{path: path, blocks: map[string]hcl.Blocks{}}
	before := len(l.diags)
	names, err := moduleFiles(path)
	if err != nil {
		l.errorf(at, "Unknown module", "The directory %q cannot be read: %v.", p.Written, reasonOf(err))
	} else if len(names) == 0 {
		l.errorf(at, "Module without files", "The directory %q has no *.hcl and no *.hcl.json files.", p.Written)
	}
	shown := p.Written
	if !filepath.IsAbs(shown) {
		shown = filepath.Join(filepath.Dir(at.Filename), shown)
	}
	for _, name := range names {
		if len(l.cfg.Files) >= MaxFiles {
			l.errorf(at, "Too many files", "The configuration and its modules have more than %d files; at most that many are read.", MaxFiles)
			break
		}
		l.readInto(filepath.Join(shown, name), l.moduleBlock(dir))
	}
	dir.broken = l.diags[before:].HasErrors()
	return dir
}

// moduleFiles lists the names of the files of a module, sorted.
func moduleFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".json")
		if !e.IsDir() && strings.HasSuffix(name, ".hcl") && !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, ".lock.hcl") {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// moduleBlock sorts the blocks of a module's file and refuses those that have no
// place there.
func (l *loader) moduleBlock(dir *moduleDir) func(*hcl.Block) {
	return func(b *hcl.Block) {
		if !slices.Contains(moduleBlocks, b.Type) {
			l.errorf(b.DefRange, "Block out of place", "A block of type %q does not stand in a module, which has blocks of %s. Move it to the configuration itself.",
				b.Type, strings.Join(moduleBlocks, ", "))
			return
		}
		dir.blocks[b.Type] = append(dir.blocks[b.Type], b)
	}
}

// instantiate makes the inside of one instance of a module.
func (sp *space) instantiate(st *member, use moduleUse, key string) *space {
	l := sp.l
	in := l.newSpace(l.scope.sibling())
	in.caller, in.dir = sp, use.dir
	in.module = sp.full(st.name, key)
	in.within = sp.within + "module " + use.key(st, key) + " "
	in.where = "in module \"" + st.name + "\""
	in.gates = sp.gates
	if g := use.gate(); g != nil {
		g.reason = "module " + in.module + " is off: " + g.reason
		in.gates = append(slices.Clip(in.gates), g)
	}
	in.takeArguments(use)
	in.locals(use.dir.blocks["locals"])
	in.validations(use.dir.blocks["variable"])
	in.read(use.dir.blocks)
	in.readOutputs(use.dir.blocks["output"])
	return in
}

func (use moduleUse) key(st *member, key string) string {
	if st.each {
		return st.name + "[" + key + "]"
	}
	return st.name
}

// reserved are the arguments of every module.
var reserved = []string{"source", "for_each", "when"}

// takeArguments gives the variables and inputs of a module their values.
func (sp *space) takeArguments(use moduleUse) {
	sp.arguments = use.args
	var known []string
	for _, b := range use.dir.blocks["variable"] {
		if sp.parameter(b) {
			known = append(known, b.Labels[0])
			sp.variable(b, use)
		}
	}
	for _, b := range use.dir.blocks["input"] {
		if sp.parameter(b) {
			known = append(known, b.Labels[0])
			sp.readInput(b, use)
		}
	}
	for _, name := range keys(use.args) {
		if !slices.Contains(known, name) {
			sp.l.errorf(use.args[name].NameRange, "Unknown argument", "Module %q has no variable and no input %q.%s",
				use.at.Labels[0], name, Suggest(name, known))
		}
	}
}

// parameter reads the name of a variable or an input, which share the names of
// arguments.
func (sp *space) parameter(b *hcl.Block) bool {
	if slices.Contains(reserved, b.Labels[0]) {
		sp.l.errorf(b.LabelRanges[0], "Reserved name", "%q is an attribute of every module block. Choose another name.", b.Labels[0])
		return false
	}
	_, ok := sp.l.labelIn(b, "argument", sp.within)
	return ok
}

// variable gives a variable of the module its value.
func (sp *space) variable(b *hcl.Block, use moduleUse) {
	d := sp.l.declaration(b.Labels[0], b)
	values := map[string]given{}
	if arg, ok := use.args[d.v.Name]; ok {
		v, diags := use.scope.eval(arg.Expr)
		sp.l.add(diags...)
		values[d.v.Name] = given{v, arg.Expr.Range(), "the argument"}
	} else if d.v.Required {
		sp.l.missingArgument(use, "variable", d.v.Name, b)
		d.v.Required = false
	}
	sp.scope.set("var", d.v.Name, sp.l.variableValue(d, values))
}

func (l *loader) missingArgument(use moduleUse, kind, name string, b *hcl.Block) {
	l.errorf(use.at.DefRange, "Missing argument", "Module %q needs a value for its %s %q, declared at %s. Add %s = ... to the block.",
		use.at.Labels[0], kind, name, rangeOf(b.DefRange), name)
}

// readInput takes the references that are given for an input.
func (sp *space) readInput(b *hcl.Block, use moduleUse) {
	sp.l.sectionIn(sp.scope, inputBlock(), b).text("description")
	p := &port{name: b.Labels[0], space: sp.caller}
	sp.inputs[p.name] = p
	arg, ok := use.args[p.name]
	if !ok {
		sp.l.missingArgument(use, "input", p.name, b)
		return
	}
	given := use.section
	given.attrs = hcl.Attributes{p.name: arg}
	p.refs = given.references(p.name)
}

// readOutputs reads what a module gives.
func (sp *space) readOutputs(blocks hcl.Blocks) {
	for _, b := range blocks {
		_, ok := sp.l.labelIn(b, "output", sp.within)
		s := sp.section(outputBlock(), b)
		s.text("description")
		if refs := s.references("value"); ok {
			sp.outputs[b.Labels[0]] = &port{name: b.Labels[0], space: sp, refs: refs}
		}
	}
}
