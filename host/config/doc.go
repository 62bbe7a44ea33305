// SPDX-License-Identifier: Apache-2.0

// Package config turns HCL files into typed configuration, and everything a
// person can get wrong in them into a message that underlines the line.
//
// # Files
//
// A directory stands for its files bulkhead.hcl and *.bulkhead.hcl, and their
// JSON variants bulkhead.hcl.json and *.bulkhead.hcl.json, read in lexical
// order as if they were one. The order has no meaning: every name is declared
// once, and a second declaration is an error that names both places. A path in
// a file is relative to that file and is exported absolute.
//
// At most MaxFiles files of at most MaxFileBytes each are read. Brackets,
// blocks and templates nest at most MaxNesting deep and an expression chains
// at most MaxChain operators: the parser recurses, so these are checked on the
// tokens before it runs. What an expression can expand to is estimated before
// it is evaluated and is bounded by MaxExpansion.
//
// # Values
//
// Expressions may use var.NAME, local.NAME and the functions that
// FunctionNames lists. The value of a variable is, from weak to strong: its
// default, the environment variable BULKHEAD_VAR_NAME, variable files in their
// order, and values given on the command line. No function reads files or the
// environment.
//
// A require block is evaluated later, against facts: fact.gpu.driver.version,
// and fact.gpu.device["0000:01:00.0"].name where there are several.
//
// What a function gives is bounded by what it takes, and the estimate of an
// expression knows those that multiply: join, format, split, regex.
//
// # Skips, severities and waivers
//
// A skip block leaves out a check, a group "gpu.*" or a requirement, at top level
// everywhere and in a suite there, or with a subject only the findings about what
// the pattern matches. A suite may give severities to findings; they go before
// those of check blocks, a code before its group, the outer suite before the
// inner one. A waiver accepts findings until the end of a day in UTC. Whether a
// waiver has ended is for package doctor to say, which is given the time: nothing
// here reads a clock. In JSON a suite has the list skip only; its reasons stand in
// skip blocks at top level.
//
// # References
//
// References are bare: source.NAME, kernel.NAME, ab.NAME, module.NAME.OUTPUT,
// suite.NAME, require.NAME, and PLUGIN.KERNEL after use. kernel.NAME.output is the
// same as kernel.NAME, and NAME["KEY"] is an instance of a block with for_each.
// The inputs of the kernels of a pipeline draw its graph; a cycle is an error that
// prints the cycle. A pipeline sees its own steps and those at top level, and a
// name must not stand in both. A list of inputs holds alternatives: the first
// that is on is read. The arms of an ab block are kernels of the pipeline that
// read its input; nothing else reads them.
//
// # Expansion
//
// What a Pipeline holds is flat. A block with for_each, which takes a map or a
// set of texts, becomes one step for each element, in the order of the keys; its
// name is NAME.KEY, and each.key and each.value are known in the block. A step
// whose when is false is left out with all that cannot do without it, and stands
// in Pipeline.Off. A module is a directory of *.hcl and *.hcl.json files with
// steps, variables, inputs and outputs; its steps get the name of the module
// before their own, and it sees no names but its own. Every Range points at the
// line that a person wrote, in the files of modules too.
//
// What for_each and when say must be known, not sensitive, and no fact: a graph
// does not depend on the machine. A configuration expands to MaxNodes kernels,
// sources and sinks each and MaxModules modules, MaxModuleDepth deep, and a name
// has at most MaxName bytes. Names of steps differ by more than capitals, since
// results are saved under them. Sinks of a pipeline write different files, none
// of which is one of its sources.
//
// # Plugins
//
// Load needs no plugin. The settings of a plugin stand in a nested config
// block, so that they never clash with the host's; Bind checks them, and every
// name of a kernel or check, against the plugins that are installed. A Settings
// value remembers where each setting was written, so that a message of the
// plugin underlines the user's line.
//
// # Registries
//
// A registry block says where plugins come from and what that place is trusted by:
// the first root, which came by another way, and the key of its log. A plugin of
// source NAMESPACE/NAME comes from the registry that it names, or else from the
// only one; which version of it runs is for the lock file to say, not for Load.
//
// # Sandboxes, grants and secrets
//
// The block sandbox at top level says how all plugins are enclosed, the one in a
// plugin's block how that plugin is: its limits replace those of all, and it may
// require a stronger level but never a weaker one. Sizes have a unit, since 512
// could be bytes as well as mebibytes. SandboxOf puts both together.
//
// The list grants of a plugin narrows what its manifest asks for. Load checks
// that its entries can be meant; what they leave is for package manifest to say,
// which knows the grants. A secret block says where the value of a secret comes
// from. The value is read when the plugin is started, and never earlier; that of
// a header of telemetry is read when a run starts.
//
// # Messages
//
// Functions return Diagnostics: sorted by place, without duplicates, each with
// its source. A summary is a noun phrase; a detail says what, why and what to
// do next. Control characters from files never reach a terminal.
package config
