// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/corpus"
	"github.com/bulkhead-ml/bulkhead/host/report"
)

// corpusDir is where the repository has its corpus.
var corpusDir = filepath.Join("testdata", "machines")

func (a *app) corpusCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "corpus",
		Short: "Score a doctor on machines whose state is known",
		Long: "A corpus is a directory of machines, broken and healthy ones, each an archive of\n" +
			"text with what a right diagnosis says. This doctor and those of others can be\n" +
			"scored on it.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return misuse("choose what to do: %s score, list or unpack", cmd.CommandPath())
		},
	}
	cmd.AddCommand(a.corpusScoreCmd(), a.corpusListCmd(), a.corpusUnpackCmd())
	return cmd
}

// corpusScore are the flags of `corpus score`.
type corpusScore struct {
	tool     string
	machines []string
	jobs     int
}

func (a *app) corpusScoreCmd() *cobra.Command {
	var flags corpusScore
	cmd := &cobra.Command{
		Use: "score [DIR]", Short: "Examine every machine and compare with what is known",
		Long: "Score unpacks each machine of DIR (default " + filepath.ToSlash(corpusDir) + "), runs the tool on\n" +
			"it and prints recall, false alarms and how often the root cause came first, with\n" +
			"a line for whatever is not as it should be.\n\n" +
			"--tool CMD runs another doctor. In its words {root} is the directory with the\n" +
			"machine's files and {machine} its name; the variables of the machine are set. It\n" +
			"may print JSON as `bulkhead doctor --json` does, or text. --timeout is for each\n" +
			"machine.\n\n" +
			"Exit code: 0 nothing missed, no false alarm, every root cause first;\n1 otherwise; " +
			"78 for a mistake in the corpus.",
		Example: "  bulkhead corpus score\n  bulkhead corpus score --machine healthy-rhel-9-h100x8 -v\n  bulkhead corpus score --tool 'env-doctor check --root {root}' --json",
		Args:    atMost(1, "at most one directory"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.corpusScore(cmd.Context(), dirOf(args), flags)
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.tool, "tool", corpus.Bundled, "the doctor to score: bulkhead, or the `command` of another")
	f.StringArrayVar(&flags.machines, "machine", nil, "examine this `machine` only; repeat for more")
	f.IntVar(&flags.jobs, "jobs", 0, "examine so many machines at once (default: the number of CPUs)")
	return cmd
}

func dirOf(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return corpusDir
}

func (a *app) corpusScore(ctx context.Context, dir string, flags corpusScore) error {
	if flags.jobs < 0 {
		return misuse("--jobs %d is negative", flags.jobs)
	}
	machines, err := corpus.Load(dir, flags.machines...)
	if err != nil {
		return wrongCorpus(err)
	}
	tool, err := a.corpusTool(flags.tool)
	if err != nil {
		return err
	}
	score, err := corpus.Run(ctx, machines, tool, corpus.Options{Jobs: flags.jobs, Limit: a.flags.timeout, Progress: a.corpusProgress()})
	if err != nil {
		return failed("The corpus could not be scored", err)
	}
	if err := a.corpusPrint(score.WriteJSON, score.WriteText); err != nil {
		return err
	}
	if !score.Perfect() {
		return exit(ExitWarnings)
	}
	return nil
}

func wrongCorpus(err error) error {
	if missing, ok := errors.AsType[*fs.PathError](err); ok && errors.Is(err, fs.ErrNotExist) {
		return misuse("there is no corpus at %s; name the directory that holds one, such as testdata/machines in Bulkhead's source", missing.Path)
	}
	return &failure{code: ExitConfig, summary: "The corpus is wrong", err: err}
}

// corpusTool is this very executable, or the command of another tool.
func (a *app) corpusTool(command string) (corpus.Tool, error) {
	if command != corpus.Bundled {
		tool, err := corpus.ParseTool(command)
		if err != nil {
			return tool, misuse("--tool: %w", err)
		}
		return tool, nil
	}
	self, err := os.Executable()
	if err != nil {
		return corpus.Tool{}, failed("This executable cannot be found", err)
	}
	more := []string{"--no-cache"} // every root is new
	if a.flags.sandbox != "" {
		more = append(more, "--sandbox", a.flags.sandbox)
	}
	return corpus.BundledTool(self, more...), nil
}

// corpusProgress counts the machines for somebody who watches.
func (a *app) corpusProgress() func(done, of int, name string) {
	if !a.interactive() {
		return nil
	}
	return func(done, of int, name string) {
		line := fmt.Sprintf("%d of %d: %s", done, of, name)
		fmt.Fprintf(a.stderr, "\r\x1b[K%.70s", line)
		if done == of {
			fmt.Fprint(a.stderr, "\r\x1b[K")
		}
	}
}

// corpusPrint writes a result as JSON or as text.
func (a *app) corpusPrint(asJSON func(io.Writer) error, asText func(io.Writer, report.Options) error) error {
	return a.print(func(w io.Writer) error {
		if a.json() {
			return asJSON(w)
		}
		return asText(w, a.textOptions(w))
	})
}

func (a *app) corpusListCmd() *cobra.Command {
	return &cobra.Command{
		Use: "list [DIR]", Short: "List the machines of a corpus",
		Args: atMost(1, "at most one directory"),
		RunE: func(_ *cobra.Command, args []string) error {
			machines, err := corpus.Load(dirOf(args))
			if err != nil {
				return wrongCorpus(err)
			}
			list := corpus.NewList(machines)
			return a.corpusPrint(list.WriteJSON, list.WriteText)
		},
	}
}

func (a *app) corpusUnpackCmd() *cobra.Command {
	from := corpusDir
	cmd := &cobra.Command{
		Use: "unpack NAME DIR", Short: "Write the files of a machine into a new directory",
		Long: "Unpack makes DIR the root of the machine: `bulkhead doctor --root DIR` examines\n" +
			"it, and so can any other tool.",
		Example: "  bulkhead corpus unpack healthy-rhel-9-h100x8 /tmp/h100",
		Args:    exactly(2, "the name of a machine and a new directory"),
		RunE: func(_ *cobra.Command, args []string) error {
			machines, err := corpus.Load(from, strings.TrimSuffix(args[0], ".txtar"))
			if err != nil {
				return wrongCorpus(err)
			}
			return failed("The machine could not be unpacked", machines[0].Unpack(args[1]))
		},
	}
	cmd.Flags().StringVar(&from, "corpus", from, "`directory` of the corpus")
	return cmd
}
