// SPDX-License-Identifier: Apache-2.0

package config

import "github.com/hashicorp/hcl/v2"

// BlockSchema describes a block of the host. The decoder is driven by it, so a
// page generated from it is never out of date.
type BlockSchema struct {
	Type string `json:"type"`
	// Labels names what stands between the type and the brace.
	Labels      []string          `json:"labels,omitempty"`
	Description string            `json:"description"`
	Attributes  []AttributeSchema `json:"attributes,omitempty"`
	Blocks      []BlockSchema     `json:"blocks,omitempty"`
	// Repeats: the block may stand more than once under the same parent.
	Repeats bool `json:"repeats,omitempty"`
	// Open: the attributes are the user's own (locals) or a plugin's (config).
	Open bool `json:"open,omitempty"`
}

// AttributeSchema describes an attribute of a host's block.
type AttributeSchema struct {
	Name string `json:"name"`
	// Type is one of the Type constants.
	Type        string   `json:"type"`
	Required    bool     `json:"required,omitempty"`
	Default     any      `json:"default,omitempty"`
	OneOf       []string `json:"one_of,omitempty"`
	Minimum     *float64 `json:"minimum,omitempty"`
	Maximum     *float64 `json:"maximum,omitempty"`
	Description string   `json:"description"`
}

// Types of attributes.
const (
	TypeString   = "string"
	TypeNumber   = "number"
	TypeBool     = "bool"
	TypeStrings  = "list(string)"
	TypeMap      = "map(string)"
	TypeDuration = "duration"
	// TypeSize is a number of bytes with its unit, such as "512MiB".
	TypeSize = "size"
	// TypePath and TypePaths are files, relative to the file that names them.
	TypePath  = "path"
	TypePaths = "list(path)"
	// TypeReference and TypeReferences are names without quotes.
	TypeReference  = "reference"
	TypeReferences = "reference or list of references"
	// TypeExpression is evaluated later; TypeConstraint is a type such as
	// list(string).
	TypeExpression = "expression"
	TypeConstraint = "type"
)

// HostSchema describes every block that this version reads, in the order of
// the documentation.
func HostSchema() []BlockSchema {
	return []BlockSchema{
		hostBlock(), sandboxBlock(), registryBlock(), pluginBlock(), variableBlock(), localsBlock(), checkBlock(),
		requireBlock(), suiteBlock(), skipBlock(), waiverBlock(), sourceBlock(), kernelBlock(), abBlock(), sinkBlock(), moduleBlock(),
		inputBlock(), outputBlock(), pipelineBlock(), cacheBlock(), telemetryBlock(),
	}
}

// unsupportedBlocks are promised by the design and not read by this version.
var unsupportedBlocks = []string{"stack", "model", "benchmark", "fleet"}

// LogLevels are the values of host.log_level.
var LogLevels = []string{"trace", "debug", "info", "warn", "error", "off"}

// AuditModes are the values of host.audit.
var AuditModes = []string{"on", "required"}

// ColumnTypes are the values of the map source.types. A timestamp may also have a
// unit and a zone, as in "timestamp[ms, UTC]".
var ColumnTypes = []string{
	"string", "bool", "int64", "float64", "int8", "int16", "int32", "uint8", "uint16", "uint32", "uint64", "float32", "date32", "timestamp", "dictionary",
}

var severities = []string{string(SeverityInfo), string(SeverityWarning), string(SeverityError)}

func hostBlock() BlockSchema {
	return BlockSchema{
		Type: "host", Description: "Settings of the bulkhead process. Flags of the command line win over them.",
		Attributes: []AttributeSchema{
			{Name: "log_level", Type: TypeString, OneOf: LogLevels, Default: "warn", Description: "How much is logged."},
			{Name: "audit", Type: TypeString, OneOf: AuditModes, Default: "on",
				Description: "Whether a plugin may start that cannot be written into the audit log: on (yes, with a warning), required (no)."},
			{Name: "timeout", Type: TypeDuration, Default: "60s", Description: "Deadline of a call to a plugin that has no other."},
			{Name: "cache", Type: TypeBool, Default: true,
				Description: "Whether what plugins observed is kept and used again while the files that they read are unchanged."},
			{Name: "plugin_dirs", Type: TypePaths, Description: "Directories searched for plugins, before the built-in ones."},
		},
	}
}

func pluginBlock() BlockSchema {
	return BlockSchema{
		Type: "plugin", Labels: []string{"name"}, Repeats: true,
		Description: "A plugin, and what it may do.",
		Attributes: []AttributeSchema{
			{Name: "source", Type: TypeString, Required: true,
				Description: "Where it comes from: builtin/NAME; NAMESPACE/NAME in a registry; installed/NAME in a plugin directory; or the path of an executable that starts with ./, ../ or /."},
			{Name: "registry", Type: TypeString, Description: "Name of the registry of a source NAMESPACE/NAME, where several are declared."},
			{Name: "prerelease", Type: TypeBool, Default: false, Description: "Whether a version such as 2.0.0-rc.1 may be chosen from the registry."},
			{Name: "version", Type: TypeString, Description: "Constraint on the version, for example \"~> 0.1\"."},
			{Name: "digest", Type: TypeString, Description: "Digest that the executable must have: sha256: and 64 hexadecimal digits."},
			{Name: "grants", Type: TypeStrings,
				Description: "The only grants that it gets of those that it asks for, by path, name or address; a path inside a granted directory " +
					"gives that alone. An empty list gives none."},
			{Name: "timeout", Type: TypeDuration, Description: "Deadline of each call to it, in place of that of the host."},
		},
		Blocks: []BlockSchema{sandboxBlock(), secretBlock()},
	}
}

func variableBlock() BlockSchema {
	return BlockSchema{
		Type: "variable", Labels: []string{"name"}, Repeats: true,
		Description: "A value that the user of the configuration may give.",
		Attributes: []AttributeSchema{
			{Name: "type", Type: TypeConstraint, Default: "any", Description: "Type that the value is converted to."},
			{Name: "default", Type: TypeExpression, Description: "Value when none is given; without it the variable must be given."},
			{Name: "description", Type: TypeString, Description: "What it is for."},
			{Name: "sensitive", Type: TypeBool, Default: false, Description: "Never show the value."},
		},
		Blocks: []BlockSchema{{
			Type: "validation", Repeats: true, Description: "A condition that the value must meet.",
			Attributes: []AttributeSchema{
				{Name: "condition", Type: TypeExpression, Required: true, Description: "True when the value is good."},
				{Name: "error_message", Type: TypeString, Required: true, Description: "What to say when it is not."},
			},
		}},
	}
}

func localsBlock() BlockSchema {
	return BlockSchema{Type: "locals", Repeats: true, Open: true, Description: "Named values; each is read as local.NAME."}
}

func checkBlock() BlockSchema {
	return BlockSchema{
		Type: "check", Labels: []string{"code"}, Repeats: true,
		Description: "Policy on one check of a plugin, named by its code.",
		Attributes: []AttributeSchema{
			{Name: "enabled", Type: TypeBool, Default: true, Description: "False switches the check off."},
			{Name: "severity", Type: TypeString, OneOf: severities, Description: "Severity of its findings, in place of its own."},
			{Name: "reason", Type: TypeString, Description: "Why; it stands in the report."},
		},
		Blocks: []BlockSchema{configBlock()},
	}
}

func requireBlock() BlockSchema {
	return BlockSchema{
		Type: "require", Labels: []string{"name"}, Repeats: true,
		Description: "A condition on facts: policy without a plugin.",
		Attributes: []AttributeSchema{
			{Name: "condition", Type: TypeExpression, Required: true, Description: "True when the machine is good. Facts are fact.ADDRESS."},
			{Name: "severity", Type: TypeString, OneOf: severities, Default: "error", Description: "Severity when it is not."},
			{Name: "message", Type: TypeExpression, Required: true, Description: "What to say then; may hold facts."},
		},
	}
}

func suiteBlock() BlockSchema {
	return BlockSchema{
		Type: "suite", Labels: []string{"name"}, Repeats: true,
		Description: "A set of checks: PLUGIN.all, PLUGIN.GROUP, GROUP.CHECK, require.NAME and suite.NAME.",
		Attributes: []AttributeSchema{
			{Name: "run", Type: TypeReferences, Required: true, Description: "What it runs."},
			{Name: "skip", Type: TypeReferences, Description: "What it leaves out of that."},
			{Name: "severity", Type: TypeMap, OneOf: severities,
				Description: "Severities of findings in this suite, by \"CODE\" or \"GROUP.*\", in place of their own and of those of check blocks."},
		},
		Blocks: []BlockSchema{skipBlock()},
	}
}

func skipBlock() BlockSchema {
	return BlockSchema{
		Type: "skip", Labels: []string{"code"}, Repeats: true,
		Description: "A check, \"GROUP.*\" or \"require.NAME\" that is left out, and why: everywhere at top level, else in its suite.",
		Attributes: []AttributeSchema{
			{Name: "reason", Type: TypeString, Required: true, Description: "Why; it stands in the report."},
			{Name: "subject", Type: TypeString,
				Description: "Leaves out only findings about subjects of this pattern (* is any text, ? one character): a device, an environment, a file."},
		},
	}
}

func waiverBlock() BlockSchema {
	return BlockSchema{
		Type: "waiver", Labels: []string{"name"}, Repeats: true,
		Description: "Findings that are accepted until a day: they are shown as waived and do not count for the exit code.",
		Attributes: []AttributeSchema{
			{Name: "code", Type: TypeString, Required: true, Description: "The check, \"GROUP.*\" or \"require.NAME\"."},
			{Name: "subject", Type: TypeString, Description: "Only findings about subjects of this pattern (* is any text, ? one character)."},
			{Name: "reason", Type: TypeString, Required: true, Description: "Why they are accepted."},
			{Name: "until", Type: TypeString, Required: true, Description: "The last day of the waiver in UTC, for example \"2027-01-31\". From the next day on they count again."},
			{Name: "by", Type: TypeString, Description: "Who accepts them."},
		},
	}
}

func configBlock() BlockSchema {
	return BlockSchema{Type: "config", Open: true, Description: "Settings that belong to the plugin; it describes them itself."}
}

func bound(f float64) *float64 { return &f }

// hclSchema is what the parser needs to know of the block's body.
func (b BlockSchema) hclSchema() *hcl.BodySchema {
	out := &hcl.BodySchema{}
	for _, a := range b.Attributes {
		out.Attributes = append(out.Attributes, hcl.AttributeSchema{Name: a.Name, Required: a.Required})
	}
	for _, c := range b.Blocks {
		out.Blocks = append(out.Blocks, hcl.BlockHeaderSchema{Type: c.Type, LabelNames: c.Labels})
	}
	return out
}

func (b BlockSchema) attribute(name string) AttributeSchema {
	for _, a := range b.Attributes {
		if a.Name == name {
			return a
		}
	}
	panic("config: block " + b.Type + " has no attribute " + name)
}

func (b BlockSchema) block(blockType string) BlockSchema {
	for _, c := range b.Blocks {
		if c.Type == blockType {
			return c
		}
	}
	panic("config: block " + b.Type + " has no block " + blockType)
}
