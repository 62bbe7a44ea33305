// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/host/selftest"
)

func (a *app) sandboxCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Show which walls stand on this machine, and attack them",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return misuse("choose what to do: %s status or selftest", cmd.CommandPath())
		},
	}
	cmd.AddCommand(a.sandboxStatusCmd(), a.selftestCmd())
	return cmd
}

func (a *app) sandboxStatusCmd() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show which sandbox levels stand here, and why others do not",
		Long: "Status starts a program at each level, from strong to none, looks at it from\n" +
			"outside, and says which levels stand.",
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			exe, err := ownBinary()
			if err != nil {
				return err
			}
			levels, err := selftest.Probe(cmd.Context(), exe)
			if err != nil {
				return failed("The sandbox cannot be probed", err)
			}
			return a.result(sandboxStatus{SchemaVersion: report.SchemaVersion, Default: sandbox.DefaultFloor, Levels: levels, Runtimes: containerRuntimes()})
		},
	}
}

// ownBinary is the program to start behind walls: the host itself.
func ownBinary() (string, error) {
	exe, err := os.Executable()
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: there is no /proc here; mount it first: mount -t proc proc /proc", err)
	}
	if err != nil {
		return "", failed("The host does not find its own binary", err)
	}
	return exe, nil
}

// sandboxStatus is what `bulkhead sandbox status` prints.
type sandboxStatus struct {
	SchemaVersion string `json:"schema_version"`
	// Default is the lowest level that is accepted without being asked for.
	Default sandbox.Level       `json:"default"`
	Levels  []selftest.Standing `json:"levels"`
	// Runtimes are the container runtimes that are installed. They were not tried.
	Runtimes []string `json:"runtimes"`
}

// WriteJSON writes the levels as one JSON document.
func (s sandboxStatus) WriteJSON(w io.Writer) error { return writeJSON(w, s) }

// WriteText writes a line for each level, then the walls of the strongest.
func (s sandboxStatus) WriteText(w io.Writer, opt report.Options) error {
	best := -1
	for i, l := range s.Levels {
		text := "stands"
		if !l.Reached {
			text = "cannot be reached: " + l.Reason
		} else if best < 0 {
			best, text = i, "stands, and is used"
		}
		writeTerm(w, opt, 0, 13, l.Level.String(), text)
	}
	fmt.Fprintf(w, "\nNothing starts below %s unless you say so.\n", s.Default)
	if len(s.Runtimes) > 0 {
		text := "Container runtimes are here, not tried: " + strings.Join(s.Runtimes, ", ") + "; `sandbox { runtime = ... }` chooses one."
		fmt.Fprintln(w, strings.Join(wrapped(text, width(opt)), "\n"))
	}
	if best >= 0 {
		fmt.Fprintf(w, "\nThe walls of %s:\n", s.Levels[best].Level)
		writeWalls(w, opt, s.Levels[best].Sandbox.Walls)
	}
	return nil
}

func writeWalls(w io.Writer, opt report.Options, walls []sandbox.Wall) {
	for _, wall := range walls {
		state := "on   "
		if !wall.On {
			state = "off  "
		}
		writeTerm(w, opt, 2, 28, state+wall.Name, wall.Detail)
	}
}

func (a *app) selftestCmd() *cobra.Command {
	var only []string
	var level string
	cmd := &cobra.Command{
		Use: "selftest", Short: "Attack the sandbox of this machine and say what held",
		Long: "Selftest starts a hostile program in the sandbox again and again. Each time it\n" +
			"tries one attack of the catalogue: to read a secret, to reach the network, to\n" +
			"end another process, to use up memory. The secret, the victim and the rest of\n" +
			"the scene are put up for the test; nothing of yours is touched. The exit code\n" +
			"is 2 when an attack got through.",
		Example: "  bulkhead sandbox selftest\n  bulkhead sandbox selftest --level walls-only --json",
		Args:    exactly(0, "no arguments"),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.selftest(cmd.Context(), only, level) },
	}
	cmd.Flags().StringSliceVar(&only, "attack", nil, "try only the attack of this `name`; repeat for more")
	cmd.Flags().StringVar(&level, "level", "", "attack this `level` instead of the strongest one")
	return cmd
}

func (a *app) selftest(ctx context.Context, only []string, level string) error {
	if err := knownAttacks(only); err != nil {
		return err
	}
	exe, err := ownBinary()
	if err != nil {
		return err
	}
	options := selftest.Options{Executable: exe, Only: only, Progress: a.selftestProgress()}
	if level != "" {
		if options.Ceiling, err = sandbox.ParseLevel(level); err != nil {
			return misuse("--level: %v", err)
		}
		options.Floor = options.Ceiling
	}
	if a.flags.sandbox != "" {
		if options.Floor, err = sandbox.ParseLevel(a.flags.sandbox); err != nil {
			return misuse("--sandbox: %v", err)
		}
	}
	r, err := selftest.Run(ctx, options)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return failed("The sandbox cannot be attacked", err)
	}
	if err := a.result(selftestDocument{report.SchemaVersion, r}); err != nil {
		return err
	}
	if r.Contained() < len(r.Attacks) {
		return exit(ExitErrors)
	}
	return nil
}

// knownAttacks refuses names that no attack has.
func knownAttacks(only []string) error {
	names := selftest.Names()
	for _, name := range only {
		if !slices.Contains(names, name) {
			return misuse("--attack: no attack is called %q.%s `bulkhead sandbox selftest -v` lists them", name, config.Suggest(name, names))
		}
	}
	return nil
}

// selftestProgress shows on a terminal how far the attacks are.
func (a *app) selftestProgress() func(done, all int) {
	if !a.interactive() {
		return nil
	}
	return func(done, all int) {
		fmt.Fprintf(a.stderr, "\r\x1b[K%d of %d attacks", done, all)
		if done == all {
			fmt.Fprint(a.stderr, "\r\x1b[K")
		}
	}
}

// selftestDocument is what `bulkhead sandbox selftest` prints.
type selftestDocument struct {
	SchemaVersion string `json:"schema_version"`
	*selftest.Report
}

// WriteJSON writes every attack as one JSON document.
func (d selftestDocument) WriteJSON(w io.Writer) error { return writeJSON(w, d) }

// WriteText writes what got through, and with -v what held, too.
func (d selftestDocument) WriteText(w io.Writer, opt report.Options) error {
	area := ""
	for _, r := range d.Attacks {
		if r.Contained && !opt.Verbose {
			continue
		}
		if r.Area != area {
			area = r.Area
			fmt.Fprintf(w, "%s\n", area)
		}
		writeTerm(w, opt, 2, 26, r.Name, d.line(r))
	}
	if area != "" {
		fmt.Fprintln(w)
	}
	_, err := fmt.Fprintf(w, "level %s: %d of %d attacks contained%s\n", d.Level, d.Contained(), len(d.Attacks), d.hint(opt))
	return err
}

func (d selftestDocument) line(r selftest.Result) string {
	if r.Contained {
		return r.Wall + ": " + r.Detail
	}
	return "GOT THROUGH. It tried to " + r.Aim + ": " + r.Detail
}

// hint says what else there is to know.
func (d selftestDocument) hint(opt report.Options) string {
	switch {
	case d.Contained() < len(d.Attacks):
		return "\n`bulkhead sandbox status` shows which walls are missing and why"
	case !opt.Verbose:
		return "; -v lists them with the walls that held"
	}
	return ""
}
