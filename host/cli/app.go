// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

// app is one run of the command line.
type app struct {
	stdout, stderr io.Writer
	args           []string
	flags          flags
	log            hclog.Logger
	closers        []io.Closer
	traced         *traced         // the plugin that is traced; nil without
	told           map[string]bool // what was said once and for all
	developing     bool            // overrides are being changed: none is refused
}

// flags are those that every command has.
type flags struct {
	configs  []string
	vars     []string
	varFiles []string
	sandbox  string
	timeout  time.Duration
	format   string
	asJSON   bool
	output   string
	verbose  bool
	debug    bool
	noColor  bool
	logFile  string
	logJSON  bool
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "bulkhead",
		Short: "Tells why an ML environment will fail, and runs ML kernels in watertight compartments",
		Long: "Bulkhead diagnoses this machine for machine learning (GPU, CUDA, Python, Docker,\n" +
			"limits) and runs pipelines of ML kernels. Checks and kernels are plugins, each\n" +
			"in a sandbox.\n\nStart with `bulkhead doctor`.",
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.setUp(cmd) },
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.CompletionOptions.HiddenDefaultCmd = false
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", ".FlagUsagesWrapped 80"))
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return misuse("%w; `%s --help` lists the flags", err, cmd.CommandPath())
	})
	a.globalFlags(root)
	root.AddCommand(
		a.doctorCmd(), a.factsCmd(), a.explainCmd(), a.snapshotCmd(), a.benchCmd(), a.runCmd(), a.planCmd(), a.validateCmd(),
		a.fmtCmd(), a.schemaCmd(), a.graphCmd(), a.runsCmd(), a.rerunCmd(), a.stateCmd(), a.cacheCmd(), a.initCmd(), a.registryCmd(), a.pluginCmd(), a.sandboxCmd(), a.auditCmd(), a.corpusCmd(), a.versionCmd(),
	)
	return root
}

func (a *app) globalFlags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringArrayVarP(&a.flags.configs, "config", "c", nil, "configuration file or directory; repeat for more (default: bulkhead.hcl here, if any)")
	f.StringArrayVar(&a.flags.vars, "var", nil, "set a variable of the configuration, as `name=value`")
	f.StringArrayVar(&a.flags.varFiles, "var-file", nil, "read variables from a `file`")
	f.StringVar(&a.flags.sandbox, "sandbox", "", "weakest sandbox `level` to accept: "+strings.Join(sandbox.LevelNames(), ", "))
	f.DurationVar(&a.flags.timeout, "timeout", 0, "give up after this time, for example 30s")
	f.StringVarP(&a.flags.format, "format", "o", "text", "output `format`: "+strings.Join(formatNames(), ", "))
	f.BoolVar(&a.flags.asJSON, "json", false, "short for --format json")
	f.StringVar(&a.flags.output, "output", "", "write the result to a `file` instead of standard output; its extension chooses the format")
	f.BoolVarP(&a.flags.verbose, "verbose", "v", false, "show everything: folded findings, evidence, sandbox walls")
	f.BoolVar(&a.flags.debug, "debug", false, "log what happens and show stack traces")
	f.BoolVar(&a.flags.noColor, "no-color", false, "never use colour (also: the NO_COLOR variable)")
	f.StringVar(&a.flags.logFile, "log-file", "", "also write the whole log to a `file`, rotated at 10 MiB")
	f.BoolVar(&a.flags.logJSON, "log-json", false, "write the log as JSON lines")
	_ = root.RegisterFlagCompletionFunc("format", completeFormats)
	_ = root.RegisterFlagCompletionFunc("sandbox", completeLevels) // it fails for unknown flags only
}

// setUp checks the global flags and opens the log.
func (a *app) setUp(cmd *cobra.Command) error {
	if err := a.chooseFormat(cmd); err != nil {
		return err
	}
	if a.flags.timeout < 0 {
		return misuse("--timeout %s is negative; give a duration such as 30s", a.flags.timeout)
	}
	return a.openLog()
}

// json reports whether the result is JSON. Before the flags are parsed it
// looks at the raw arguments, so that a wrong flag beside --json is JSON, too.
func (a *app) json() bool {
	if a.flags.asJSON || a.flags.format == "json" {
		return true
	}
	for i, arg := range a.args {
		if arg == "--" {
			return false
		}
		next := i+1 < len(a.args) && a.args[i+1] == "json"
		if arg == "--json" || arg == "--format=json" || arg == "-ojson" || (arg == "-o" || arg == "--format") && next {
			return true
		}
	}
	return false
}

// print writes a result where the user wants it.
func (a *app) print(write func(io.Writer) error) error {
	if a.flags.output == "" {
		return failed("The result could not be written", write(a.stdout))
	}
	return failed("The result could not be written", writeFile(a.flags.output, write))
}

// textOptions follow the terminal behind w: its width, and colour unless the
// user, NO_COLOR, CI or a dumb terminal say no.
func (a *app) textOptions(w io.Writer) report.Options {
	opt := report.Options{Verbose: a.flags.verbose || a.flags.debug, Debug: a.flags.debug, ASCII: !utf8Locale()}
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return opt
	}
	if width, _, err := term.GetSize(int(file.Fd())); err == nil {
		opt.Width = width
	}
	opt.Color = !a.flags.noColor && os.Getenv("NO_COLOR") == "" && os.Getenv("CI") == "" && os.Getenv("TERM") != "dumb"
	return opt
}

// utf8Locale reports whether the terminal is likely to show more than ASCII.
func utf8Locale() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			v = strings.ToUpper(v)
			return strings.Contains(v, "UTF-8") || strings.Contains(v, "UTF8")
		}
	}
	return true
}

// interactive reports whether a person watches standard error.
func (a *app) interactive() bool {
	file, ok := a.stderr.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && os.Getenv("CI") == "" && !a.json()
}

// warn tells the user something beside the result.
func (a *app) warn(format string, args ...any) {
	fmt.Fprintln(a.stderr, "bulkhead:", report.CleanLine(fmt.Sprintf(format, args...)))
}

func (a *app) close() {
	for _, c := range a.closers {
		if err := c.Close(); err != nil {
			a.warn("closing the log: %v", err)
		}
	}
}

func tool() report.Tool {
	return report.Tool{Name: "bulkhead", Version: version.Version}
}
