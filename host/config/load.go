// SPDX-License-Identifier: Apache-2.0

package config

import (
	"context"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// EnvPrefix is what the names of environment variables with values of
// variables start with.
const EnvPrefix = "BULKHEAD_VAR_"

// LoadOptions say what to read.
type LoadOptions struct {
	// Paths are files or directories; none means the working directory.
	Paths []string
	// Vars are values of variables from the command line, by name: text for a
	// variable of type string, else an expression.
	Vars map[string]string
	// VarFiles hold NAME = VALUE lines, or a JSON object when the name ends in
	// .json. A later one wins.
	VarFiles []string
	// LookupEnv finds environment variables, as os.LookupEnv does. Nil means
	// that there are none.
	LookupEnv func(string) (string, bool)
}

// Load reads, merges and checks a configuration without touching any plugin,
// device or network. The configuration is nil when a diagnostic is an error.
func Load(ctx context.Context, opts LoadOptions) (*Config, Diagnostics) {
	if len(opts.Paths) == 0 {
		opts.Paths = []string{"."}
	}
	l := newLoader(opts)
	l.read(ctx)
	if !l.diags.HasErrors() {
		l.decode()
	}
	diags := l.cfg.sources.finish(l.diags)
	if diags.HasErrors() {
		return nil, diags
	}
	return l.cfg, diags
}

// loader is the state of one Load.
type loader struct {
	opts  LoadOptions
	cfg   *Config
	diags Diagnostics
	scope *scope
	// blocks are the top-level blocks of all files, by type.
	blocks map[string]hcl.Blocks
	// declared is where each name was declared, by "kind name".
	declared map[string]hcl.Range
	// top is the top level, owned what each pipeline holds.
	top   *space
	owned map[*Pipeline]*space
	// fileOrder counts files in the order in which they were read.
	fileOrder map[string]int
	// moduleDirs are the modules read so far, by the path of the directory.
	moduleDirs map[string]*moduleDir
	schemas    *schemaCache
	// counts are the instances of all blocks of a kind.
	counts map[RefKind]int
	// sinksOf are the sinks at top level by what they may take, and flat counts
	// the steps of all pipelines.
	sinksOf map[*node][]*node
	flat    int
	// hostTimeout: the configuration itself gives the host a timeout.
	hostTimeout bool
}

func newLoader(opts LoadOptions) *loader {
	l := &loader{
		opts:       opts,
		cfg:        &Config{sources: sources{}},
		scope:      newScope(),
		blocks:     map[string]hcl.Blocks{},
		declared:   map[string]hcl.Range{},
		owned:      map[*Pipeline]*space{},
		fileOrder:  map[string]int{},
		moduleDirs: map[string]*moduleDir{},
		schemas:    &schemaCache{},
		counts:     map[RefKind]int{},
	}
	l.top = l.newSpace(l.scope)
	l.top.where = "at top level"
	return l
}

func (l *loader) add(ds ...*Diagnostic) { l.diags = append(l.diags, ds...) }

func (l *loader) errorf(r hcl.Range, summary, format string, args ...any) {
	l.add(errorAt(r, summary, format, args...))
}

// read parses all files and sorts their blocks by type.
func (l *loader) read(ctx context.Context) {
	files, diags := Files(l.opts.Paths)
	l.add(diags...)
	if diags.HasErrors() {
		return
	}
	for _, path := range files {
		if err := ctx.Err(); err != nil {
			l.add(newDiagnostic(SeverityError, Range{}, "Reading interrupted", "%v.", err))
			return
		}
		l.readInto(path, l.rootBlock)
	}
}

// readInto hands the blocks of one file on.
func (l *loader) readInto(path string, take func(*hcl.Block)) {
	l.cfg.Files = append(l.cfg.Files, path)
	src, d := readFile(path)
	if d != nil {
		l.add(d)
		return
	}
	file, diags := parse(src, path)
	l.cfg.sources[path] = file
	l.fileOrder[path] = len(l.fileOrder)
	l.add(diags...)
	if diags.HasErrors() {
		return
	}
	content, more := l.refuseUnsupported(file.Body).Content(rootSchema().hclSchema())
	l.add(fromHCL(more)...)
	for _, b := range content.Blocks {
		take(b)
	}
}

// rootBlock sorts the blocks of the configuration itself.
func (l *loader) rootBlock(b *hcl.Block) {
	if slices.Contains(moduleOnly, b.Type) {
		l.errorf(b.DefRange, "Block out of place", "A block of type %q stands in the files of a module, not in the configuration that uses it.", b.Type)
		return
	}
	l.blocks[b.Type] = append(l.blocks[b.Type], b)
}

func rootSchema() BlockSchema { return BlockSchema{Type: "file", Blocks: HostSchema()} }

// refuseUnsupported reports blocks that the design promises and this version
// does not read, and returns the body without them: accepting a setting
// without obeying it would be a lie.
func (l *loader) refuseUnsupported(body hcl.Body) hcl.Body {
	if native, ok := body.(*hclsyntax.Body); ok {
		return l.refuseNative(native)
	}
	schema := &hcl.BodySchema{}
	for _, t := range unsupportedBlocks {
		schema.Blocks = append(schema.Blocks, hcl.BlockHeaderSchema{Type: t})
	}
	content, rest, diags := body.PartialContent(schema)
	l.add(fromHCL(diags)...)
	for _, b := range content.Blocks {
		l.unsupported(b.Type, b.TypeRange)
	}
	return rest
}

func (l *loader) refuseNative(body *hclsyntax.Body) hcl.Body {
	kept := *body
	kept.Blocks = nil
	for _, b := range body.Blocks {
		if isUnsupported(b.Type) {
			l.unsupported(b.Type, b.DefRange())
			continue
		}
		kept.Blocks = append(kept.Blocks, b)
	}
	return &kept
}

func isUnsupported(blockType string) bool { return slices.Contains(unsupportedBlocks, blockType) }

func (l *loader) unsupported(blockType string, at hcl.Range) {
	l.errorf(at, "Block not supported by this version",
		"Blocks of type %q are planned and not read by this version. Remove it.", blockType)
}

// decode turns blocks into the configuration: first what expressions need,
// then the blocks, then the references between them.
func (l *loader) decode() {
	l.variables()
	l.top.locals(l.blocks["locals"])
	l.top.validations(l.blocks["variable"])
	l.host()
	l.cache()
	l.telemetry()
	l.sandbox()
	l.registries()
	l.plugins()
	l.checks()
	l.requires()
	l.suites()
	l.cfg.Skips = l.skips(l.blocks["skip"])
	l.waivers()
	l.top.read(l.blocks)
	l.pipelines()
	l.resolve()
}

// declare notes a name and reports a second declaration of it.
func (l *loader) declare(kind, name string, at hcl.Range) bool {
	return l.declareIn("", kind, name, at)
}

// declareIn is declare for a name that is unique within something only.
func (l *loader) declareIn(within, kind, name string, at hcl.Range) bool {
	key := within + kind + " " + name
	if first, ok := l.declared[key]; ok {
		l.errorf(at, "Duplicate "+kind, "%s %q was already declared at %s. Rename or remove one of them.",
			capital(kind), name, rangeOf(first))
		return false
	}
	l.declared[key] = at
	return true
}
