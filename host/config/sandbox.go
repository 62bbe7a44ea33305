// SPDX-License-Identifier: Apache-2.0

package config

import (
	"math/big"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// SandboxLevels are the values of sandbox.require, from strong to none. No
// system offers all of them.
var SandboxLevels = []string{"container", "full+quota", "full", "namespaced", "walls-only", "seatbelt", "weak", "partial", "none"}

// Sandbox is how plugins are enclosed: what the block at top level says of all
// plugins, or what the block of one plugin says. See [Config.SandboxOf].
type Sandbox struct {
	// Require is the weakest level that is good enough, one of SandboxLevels;
	// empty when nothing is said, which means the default of the platform.
	Require string
	// Strict ends a plugin at its first refused system call.
	Strict bool
	// Runtime is the container runtime to use; empty for the host's own walls.
	Runtime string
	Limits  Limits
	// Range of the block, and of the value of require; zero without one.
	Range, RequireRange Range
}

// Limits of one plugin. A zero field is not set and keeps its default.
type Limits struct {
	Memory      uint64        // bytes of private memory of one process
	GroupMemory uint64        // bytes of memory of the plugin with its descendants
	CPUTime     time.Duration // processor time of its life
	CPUs        float64       // processors' worth of time per second
	Processes   uint64        // processes and threads
	OpenFiles   uint64
	Scratch     uint64        // bytes of its scratch directory
	FileSize    uint64        // bytes of the largest file it may write
	LogBytes    uint64        // bytes of log that are kept
	LogRate     uint64        // bytes of log per second
	Message     uint64        // bytes of the largest message
	CallTimeout time.Duration // wall-clock time of one call
	LifeTime    time.Duration // wall-clock time of its life
}

// sizeLimit is a limit in bytes, with the least that work is possible with, where
// there is one, the most that the host can do, and the default, where it is not
// for somebody else to know.
type sizeLimit struct {
	name, least, most, fallback, description string
	field                                    func(*Limits) *uint64
}

var sizeLimits = []sizeLimit{
	{"memory", "96MiB", "", "", "Private memory of one process, 512MiB unless set.", func(l *Limits) *uint64 { return &l.Memory }},
	{"group_memory", "32MiB", "", "", "Memory of a plugin with all its descendants and the cache that it causes, 1GiB unless set; needs a control group.",
		func(l *Limits) *uint64 { return &l.GroupMemory }},
	{"scratch", "64KiB", "", "", "Size of its scratch directory, 16MiB unless set.", func(l *Limits) *uint64 { return &l.Scratch }},
	{"file_size", "64KiB", "", "", "Largest file that it may write, 16MiB unless set.", func(l *Limits) *uint64 { return &l.FileSize }},
	{"log_bytes", "4KiB", "1GiB", "", "How much of its log is kept, 1MiB unless set.", func(l *Limits) *uint64 { return &l.LogBytes }},
	{"log_rate", "1KiB", "1GiB", "", "How much it may log in a second, 64KiB unless set.", func(l *Limits) *uint64 { return &l.LogRate }},
	{"message", "64KiB", "1GiB", "", "Largest message between host and plugin, 16MiB unless set.", func(l *Limits) *uint64 { return &l.Message }},
}

func sandboxBlock() BlockSchema {
	return BlockSchema{
		Type: "sandbox", Description: "How plugins are enclosed. Flags of the command line win over it.",
		Attributes: []AttributeSchema{
			{Name: "require", Type: TypeString, OneOf: SandboxLevels,
				Description: "The weakest sandbox that a plugin may run in; start-up is refused below it. " +
					"Without it: walls-only on Linux, seatbelt on macOS, partial on Windows."},
			{Name: "strict", Type: TypeBool, Default: false,
				Description: "End a plugin at its first refused system call, and name the call, instead of answering with an error."},
			{Name: "runtime", Type: TypeString,
				Description: "Container runtime to use instead of the host's own walls: runsc, crun, runc, docker, or the absolute path of one."},
		},
		Blocks: []BlockSchema{limitsBlock()},
	}
}

func limitsBlock() BlockSchema {
	b := BlockSchema{Type: "limits", Description: "Limits of each plugin. What is not set keeps its default."}
	b.Attributes = append(sizeAttributes(sizeLimits),
		AttributeSchema{Name: "cpu_time", Type: TypeDuration, Description: "Processor time of its whole life. At least 1s."},
		AttributeSchema{Name: "cpus", Type: TypeNumber, Minimum: bound(0.01), Maximum: bound(4096),
			Description: "Processors' worth of time that it may use; needs a control group."},
		AttributeSchema{Name: "processes", Type: TypeNumber, Minimum: bound(16), Maximum: bound(65536),
			Description: "Processes and threads at the same time, 64 unless set. A Go program needs about 10."},
		AttributeSchema{Name: "open_files", Type: TypeNumber, Minimum: bound(32), Maximum: bound(65536), Description: "Open files at the same time, 256 unless set."},
		AttributeSchema{Name: "call_timeout", Type: TypeDuration, Description: "Deadline of each question to it, in place of host.timeout. A kernel's work is bounded by its timeout or budget instead."},
		AttributeSchema{Name: "life_time", Type: TypeDuration, Description: "Time after which it is ended, whatever it does."},
	)
	return b
}

// bounds says between which sizes a limit lies.
func (l sizeLimit) bounds() string {
	if l.most == "" {
		return "At least " + l.least + "."
	}
	return "From " + l.least + " to " + l.most + "."
}

// SandboxOf is how one plugin is enclosed: what its own block says, and what the
// block at top level says where that is silent. It is safe on a nil Config.
func (c *Config) SandboxOf(plugin string) Sandbox {
	if c == nil {
		return Sandbox{}
	}
	out := c.Sandbox
	p, ok := c.Plugin(plugin)
	if !ok || p.Sandbox == nil {
		return out
	}
	own := p.Sandbox
	out.Range, out.Strict = own.Range, out.Strict || own.Strict
	if own.Require != "" {
		out.Require, out.RequireRange = own.Require, own.RequireRange
	}
	if own.Runtime != "" {
		out.Runtime = own.Runtime
	}
	out.Limits = out.Limits.with(own.Limits)
	return out
}

// with replaces the limits that are set in another value.
func (l Limits) with(o Limits) Limits {
	set(&l.Memory, o.Memory)
	set(&l.GroupMemory, o.GroupMemory)
	set(&l.CPUTime, o.CPUTime)
	set(&l.CPUs, o.CPUs)
	set(&l.Processes, o.Processes)
	set(&l.OpenFiles, o.OpenFiles)
	set(&l.Scratch, o.Scratch)
	set(&l.FileSize, o.FileSize)
	set(&l.LogBytes, o.LogBytes)
	set(&l.LogRate, o.LogRate)
	set(&l.Message, o.Message)
	set(&l.CallTimeout, o.CallTimeout)
	set(&l.LifeTime, o.LifeTime)
	return l
}

func set[T comparable](field *T, value T) {
	var zero T
	if value != zero {
		*field = value
	}
}

// only returns the one block of a type; a second one is an error.
func (l *loader) only(blocks hcl.Blocks) *hcl.Block {
	if len(blocks) == 0 {
		return nil
	}
	for _, extra := range blocks[1:] {
		l.errorf(extra.DefRange, "Duplicate "+extra.Type, "The block already stands at %s. Merge the two blocks.", rangeOf(blocks[0].DefRange))
	}
	return blocks[0]
}

// orEmpty is the one block of a type at top level, or one without attributes.
func (l *loader) orEmpty(blockType string) *hcl.Block {
	if b := l.only(l.blocks[blockType]); b != nil {
		return b
	}
	return &hcl.Block{Type: blockType, Body: hcl.EmptyBody()}
}

// sandbox reads the block at top level.
func (l *loader) sandbox() {
	b := l.only(l.blocks["sandbox"])
	if b == nil {
		return
	}
	l.cfg.Sandbox = l.sandboxFrom(b)
	if timeout := l.cfg.Sandbox.Limits.CallTimeout; timeout > 0 {
		l.cfg.Host.Timeout = l.oneTimeout("host.timeout", l.hostTimeout, timeout, l.cfg.Host.Timeout, b)
	}
}

// oneTimeout is the deadline of calls that limits name; a second one beside it
// is an error.
func (l *loader) oneTimeout(other string, stands bool, timeout, otherTimeout time.Duration, b *hcl.Block) time.Duration {
	if !stands || timeout == otherTimeout {
		return timeout
	}
	l.errorf(b.DefRange, "Two deadlines", "The limits say call_timeout = %q, and %s says %q. Remove one of them.", timeout, other, otherTimeout)
	return timeout
}

// sandboxFrom reads the block of all plugins or of one.
func (l *loader) sandboxFrom(b *hcl.Block) Sandbox {
	s := l.section(sandboxBlock(), b)
	out := Sandbox{Require: s.text("require"), Strict: s.flag("strict"), Runtime: s.runtime(), Range: rangeOf(b.DefRange)}
	if _, ok := s.attrs["require"]; ok {
		out.RequireRange = rangeOf(s.rangeFor("require"))
	}
	if inner := l.only(s.blocks.OfType("limits")); inner != nil {
		out.Limits = l.section(limitsBlock(), inner).limits()
	}
	return out
}

func (s section) limits() Limits {
	l := Limits{
		CPUTime:     s.duration("cpu_time"),
		CPUs:        s.fraction("cpus"),
		Processes:   s.whole("processes"),
		OpenFiles:   s.whole("open_files"),
		CallTimeout: s.duration("call_timeout"),
		LifeTime:    s.duration("life_time"),
	}
	for _, limit := range sizeLimits {
		*limit.field(&l) = s.size(limit)
	}
	if l.CPUTime > 0 && l.CPUTime < time.Second {
		s.l.errorf(s.rangeFor("cpu_time"), "Invalid duration", "\"cpu_time\" is counted in seconds, so it takes at least \"1s\".")
	}
	s.fits("memory", l.Memory, "group_memory", l.GroupMemory)
	s.fits("call_timeout", uint64(l.CallTimeout), "life_time", uint64(l.LifeTime))
	return l
}

// fits reports a limit that could never be reached, since another one in the same
// block ends the plugin before.
func (s section) fits(name string, value uint64, around string, most uint64) {
	if most > 0 && value > most {
		s.l.errorf(s.rangeFor(name), "Contradictory limits", "%q cannot be more than %q, which bounds all of the plugin. Raise %q, or lower %q.", name, around, around, name)
	}
}

// fraction reads a number within the bounds of the schema; zero when there is
// none.
func (s section) fraction(name string) float64 {
	schema := s.schema.attribute(name)
	v, ok := s.value(name, cty.Number)
	if !ok {
		return 0
	}
	n := v.AsBigFloat()
	if !within(n, schema.Minimum, schema.Maximum) {
		s.l.errorf(s.rangeFor(name), "Number out of range", "%q takes a number%s.", name, bounds(schema.Minimum, schema.Maximum))
		return 0
	}
	return float(n)
}

func float(n *big.Float) float64 { f, _ := n.Float64(); return f }

// moved reports the attribute that was sandbox.require, and returns the body of
// the host block without it.
func (l *loader) moved(body hcl.Body) hcl.Body {
	content, rest, diags := body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "sandbox"}}})
	if diags.HasErrors() {
		return body
	}
	a, ok := content.Attributes["sandbox"]
	if !ok {
		return body
	}
	level := "full"
	if text, ok := literal(a.Expr); ok && slices.Contains(SandboxLevels, text) {
		level = text
	}
	l.errorf(a.NameRange, "Setting moved", "The level has a block of its own. Remove this line and write, outside of host:\n\n"+
		"sandbox {\n  require = %q\n}", level)
	return rest
}

// raises checks that the block of a plugin asks for no less than the block of
// all plugins.
func (l *loader) raises(p *Plugin) {
	all, own := l.cfg.Sandbox, p.Sandbox
	if own.Require != "" && Weaker(own.Require, all.Require) {
		l.add(newDiagnostic(SeverityError, own.RequireRange, "Weaker sandbox",
			"All plugins require %q, at %s. A plugin can require more than that, not %q, which is less.", all.Require, all.RequireRange, own.Require))
	}
	if own.Runtime != "" && all.Runtime != "" && own.Runtime != all.Runtime {
		l.add(newDiagnostic(SeverityError, own.Range, "Other runtime",
			"All plugins run in %q, as the block at %s says. Remove the runtime of one of the two blocks.", all.Runtime, all.Range))
	}
}

// Weaker reports whether a level, one of SandboxLevels, protects less than
// another one. An unknown or empty level is not comparable.
func Weaker(level, other string) bool {
	i, j := slices.Index(SandboxLevels, level), slices.Index(SandboxLevels, other)
	return i >= 0 && j >= 0 && i > j
}
