// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"
)

// forEach and when are attributes of every step of a pipeline.
var (
	forEach = AttributeSchema{Name: "for_each", Type: TypeExpression,
		Description: "A map, or a set of texts: the block stands once for each element, which is each.key and each.value."}
	when = AttributeSchema{Name: "when", Type: TypeBool, Default: true,
		Description: "False leaves it out, with all that depends on it."}
)

// formatNames are the values of source.format.
func formatNames() []string {
	var out []string
	for _, f := range Formats {
		out = append(out, string(f))
	}
	return out
}

func compressionAttribute(description string, values ...Compression) AttributeSchema {
	a := AttributeSchema{Name: "compression", Type: TypeString, OneOf: []string{autoCompression}, Default: autoCompression, Description: description}
	for _, c := range values {
		a.OneOf = append(a.OneOf, string(c))
	}
	return a
}

func sourceBlock() BlockSchema {
	return BlockSchema{
		Type: "source", Labels: []string{"name"}, Repeats: true,
		Description: "A table that is read: one file, or one address.",
		Attributes: []AttributeSchema{
			{Name: "csv", Type: TypePath, Description: "A CSV file with a header line."},
			{Name: "jsonl", Type: TypePath, Description: "A file of JSON lines: one object on each line."},
			{Name: "parquet", Type: TypePath, Description: "A Parquet file."},
			{Name: "arrow", Type: TypePath, Description: "An Arrow IPC file, also called Feather."},
			{Name: "sqlite", Type: TypePath, Description: "An SQLite database."},
			{Name: "url", Type: TypeString, Description: "An http or https address to fetch it from, with \"format\" and allow_network = true."},
			{Name: "format", Type: TypeString, OneOf: formatNames(), Description: "What is at the address."},
			{Name: "allow_network", Type: TypeBool, Default: false, Description: "Consent to the fetch: nothing uses the network without it."},
			compressionAttribute("Compression of a CSV or JSON lines file; with auto its first bytes tell.", Plain, Gzip, Zstd),
			{Name: "table", Type: TypeString, Description: "Table of an SQLite database that is read whole; needed when it has several."},
			{Name: "query", Type: TypeString, Description: "SELECT statement on an SQLite database, in place of a table."},
			{Name: "target", Type: TypeString, Description: "Column to predict."},
			{Name: "id", Type: TypeString, Description: "Column that names the row."},
			{Name: "types", Type: TypeMap, Description: "Types of columns, where the guess from the data is wrong, in CSV and JSON lines: " +
				strings.Join(ColumnTypes, ", ") + ", and timestamps with a unit and a zone such as \"timestamp[ms, UTC]\"."},
			{Name: "nulls", Type: TypeStrings, Description: "Texts that mean that there is no value. CSV and JSON lines."},
			{Name: "delimiter", Type: TypeString, Default: ",", Description: "The one character between columns. CSV."},
			forEach, when,
		},
	}
}

func sinkBlock() BlockSchema {
	return BlockSchema{
		Type: "sink", Labels: []string{"name"}, Repeats: true,
		Description: "A file that a table is written to, whole or not at all. At top level it belongs to every pipeline that runs its input.",
		Attributes: []AttributeSchema{
			{Name: "input", Type: TypeReferences, Required: true,
				Description: "source.NAME, kernel.NAME, ab.NAME or module.NAME.OUTPUT. Of a list the first that is on is written."},
			{Name: "csv", Type: TypePath, Description: "A CSV file with a header line."},
			{Name: "jsonl", Type: TypePath, Description: "A file of JSON lines."},
			{Name: "parquet", Type: TypePath, Description: "A Parquet file."},
			{Name: "arrow", Type: TypePath, Description: "An Arrow IPC file."},
			{Name: "sqlite", Type: TypePath, Description: "An SQLite database with one table."},
			compressionAttribute("Compression of a CSV or JSON lines file (gzip, zstd), or inside a Parquet file (snappy, gzip, zstd) or an Arrow file (lz4, zstd). "+
				"With auto the ending of a text decides, .gz or .zst, and the others have their usual one.", Plain, Gzip, Zstd, Snappy, LZ4),
			{Name: "table", Type: TypeString, Description: "Table of the SQLite database; the name of the sink unless set."},
			forEach, when,
		},
	}
}

func kernelBlock() BlockSchema {
	return BlockSchema{
		Type: "kernel", Labels: []string{"name"}, Repeats: true,
		Description: "One step of a pipeline.",
		Attributes: []AttributeSchema{
			{Name: "use", Type: TypeReference, Required: true, Description: "The kernel, as PLUGIN.KERNEL."},
			{Name: "input", Type: TypeReferences, Required: true,
				Description: "source.NAME, kernel.NAME, ab.NAME or module.NAME.OUTPUT; NAME[\"KEY\"] for an instance. Of a list the first that is on is read."},
			{Name: "budget", Type: TypeDuration, Description: "Time that the kernel may use; the best result so far counts."},
			{Name: "timeout", Type: TypeDuration, Description: "Time after which the kernel is killed."},
			{Name: "seed", Type: TypeNumber, Default: 0, Minimum: bound(0), Description: "Seed of every random choice."},
			{Name: "on_failure", Type: TypeString, OneOf: failurePolicies, Default: string(Stop),
				Description: "stop the pipeline; continue with the branches that do not need it; retry it; rollback what was done before it; " +
					"or quarantine the rows that it rejects and go on with the others."},
			{Name: "retries", Type: TypeNumber, Default: 2, Minimum: bound(1), Maximum: bound(10),
				Description: "How often it is tried again, with on_failure = \"retry\"."},
			{Name: "cache", Type: TypeBool, Description: "Whether its outcome is kept and used again, in place of what the pipeline says."},
			forEach, when,
		},
		Blocks: []BlockSchema{configBlock()},
	}
}

// abBlock has all that stands around two kernels.
func abBlock() BlockSchema {
	return BlockSchema{
		Type: "ab", Labels: []string{"name"}, Repeats: true,
		Description: "Two kernels, or two versions of one, on the same table, and whether what they write differs by more than chance. Its table is read as ab.NAME.",
		Attributes: []AttributeSchema{
			{Name: "input", Type: TypeReferences, Required: true,
				Description: "source.NAME, kernel.NAME, ab.NAME or module.NAME.OUTPUT: what both arms read."},
			{Name: "mode", Type: TypeString, OneOf: abModes, Default: "split",
				Description: "split: each row goes to one arm, and the output has the rows of both in their order. shadow: all rows go to both, and the output is that of arm a."},
			{Name: "share", Type: TypeNumber, Default: 0.5, Description: "Share of the rows that go to arm b, above 0 and below 1."},
			{Name: "key", Type: TypeStrings, Description: "Columns of the input by which rows are split: equal values go to the same arm. Without it the number of the row decides."},
			{Name: "seed", Type: TypeNumber, Default: 0, Minimum: bound(0), Description: "Another seed splits otherwise."},
			{Name: "label", Type: TypeString, Description: "Column of the output with the truth, for metrics."},
			{Name: "prediction", Type: TypeString, Description: "Column of the output that is held against it."},
			{Name: "holdout", Type: TypeNumber, Description: "Share of the rows from which no arm learns, above 0 and below 1; metrics are of these rows alone then."},
			{Name: "metrics", Type: TypeStrings, Description: "What is computed of both: accuracy, log_loss, rmse, mae. Without it, what fits the columns."},
			{Name: "columns", Type: TypeStrings, Description: "Columns of the output that are compared; all but keys, ids and targets unless set."},
			{Name: "min_rows", Type: TypeNumber, Default: 30, Minimum: bound(2), Description: "Rows that each arm needs before a difference is told."},
			{Name: "strict", Type: TypeBool, Default: false, Description: "In mode shadow, fail the run when arm b fails."},
			forEach, when,
		},
		Blocks: []BlockSchema{armBlock()},
	}
}

// armBlock is a kernel whose input, loop and condition are those of the block
// around it.
func armBlock() BlockSchema {
	out := kernelBlock()
	out.Type, out.Labels, out.Description = "arm", []string{"a or b"}, "One of the two kernels: a, which you have, and b, which you think of having."
	out.Attributes = slices.DeleteFunc(slices.Clone(out.Attributes), func(a AttributeSchema) bool {
		return a.Name == "input" || a.Name == forEach.Name || a.Name == when.Name
	})
	return out
}

// moduleBlock also takes the arguments of the module, which are its own.
func moduleBlock() BlockSchema {
	return BlockSchema{
		Type: "module", Labels: []string{"name"}, Repeats: true,
		Description: "Steps from another directory, under this name. All other attributes are arguments: a value for each variable of the module, " +
			"a reference for each input. Its outputs are read as module.NAME.OUTPUT.",
		Attributes: []AttributeSchema{
			{Name: "source", Type: TypePath, Required: true,
				Description: "Directory of its *.hcl and *.hcl.json files, which hold variable, locals, input, source, kernel, ab, sink, module and output blocks."},
			forEach, when,
		},
	}
}

func inputBlock() BlockSchema {
	return BlockSchema{
		Type: "input", Labels: []string{"name"}, Repeats: true,
		Description: "In the files of a module: a table that whoever uses it must give. Its steps read it as input.NAME.",
		Attributes:  []AttributeSchema{{Name: "description", Type: TypeString, Description: "What it is for."}},
	}
}

func outputBlock() BlockSchema {
	return BlockSchema{
		Type: "output", Labels: []string{"name"}, Repeats: true,
		Description: "In the files of a module: a table that it gives, read as module.NAME.OUTPUT.",
		Attributes: []AttributeSchema{
			{Name: "value", Type: TypeReferences, Required: true, Description: "The step whose table it is. Of a list the first that is on counts."},
			{Name: "description", Type: TypeString, Description: "What it is."},
		},
	}
}

// pipelineSizes are the bounds of a pipeline in bytes.
var pipelineSizes = []sizeLimit{
	{name: "max_memory", least: "16MiB", description: "Memory that tables between its kernels may take in the host; what is more is spilled to disk."},
	{name: "max_spill", least: "1MiB", description: "Disk that they may take beyond that."},
	{name: "batch_bytes", least: "64KiB", most: "8MiB", description: "Size of the batches that tables travel in."},
}

func pipelineBlock() BlockSchema {
	b := BlockSchema{
		Type: "pipeline", Labels: []string{"name"}, Repeats: true,
		Description: "A graph of kernels, drawn by their inputs.",
		Attributes: []AttributeSchema{
			{Name: "description", Type: TypeString, Description: "What it is for."},
			{Name: "preflight", Type: TypeReferences, Description: "suite.NAME or require.NAME, or a list: what must hold before it starts."},
			{Name: "cache", Type: TypeBool, Default: false,
				Description: "Whether the outcomes of its kernels are kept on disk and used again while kernel, settings and input are the same."},
			{Name: "batch_rows", Type: TypeNumber, Minimum: bound(1), Maximum: bound(65536), Description: "Rows of a batch at most."},
		},
		Blocks: []BlockSchema{sourceBlock(), kernelBlock(), abBlock(), sinkBlock(), moduleBlock()},
	}
	b.Attributes = append(b.Attributes, sizeAttributes(pipelineSizes)...)
	return b
}

// sizeAttributes describes limits in bytes.
func sizeAttributes(limits []sizeLimit) []AttributeSchema {
	var out []AttributeSchema
	for _, l := range limits {
		a := AttributeSchema{Name: l.name, Type: TypeSize, Description: l.description + " " + l.bounds()}
		if l.fallback != "" {
			a.Default = l.fallback
		}
		out = append(out, a)
	}
	return slices.Clip(out)
}
