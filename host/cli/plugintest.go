// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/plugin"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/target"
	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
)

// testFlags choose what of the contract is run.
type testFlags struct {
	options plugintest.Options
	list    bool
	badge   string
}

func (a *app) pluginTestCmd() *cobra.Command {
	var t testFlags
	cmd := &cobra.Command{
		Use: "test NAME|PATH", Short: "Run the contract suite against a plugin, in its sandbox",
		Long: "Test starts the plugin in its sandbox and tries every rule that a plugin keeps,\n" +
			"hostile input included, and then the fixtures: published numbers, in JSON. It\n" +
			"says what passed, failed and was skipped, and ends with code 2 when a rule is\n" +
			"broken. The last line is NAME: P passed, F failed, S skipped.",
		Example: "  bulkhead plugin test ./hello-kernel --fixtures fixtures\n  bulkhead plugin test ./hello-kernel --only 'kernel/hostile-*' --seed 7\n" +
			"  bulkhead plugin test --list",
		Args: func(cmd *cobra.Command, args []string) error {
			if t.list && len(args) == 0 {
				return nil
			}
			return exactly(1, "the name of an installed plugin or the path of an executable")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.pluginTest(cmd.Context(), &t, args) },
	}
	f := cmd.Flags()
	f.Uint64Var(&t.options.Seed, "seed", 1, "`number` that the random tables come from, and the seed of the kernels")
	f.StringArrayVar(&t.options.Only, "only", nil, "run the rule, the group or the `pattern` only; repeat for more")
	f.StringVar(&t.options.Fixtures, "fixtures", "", "`directory` with fixtures (default: fixtures beside the executable)")
	f.BoolVar(&t.list, "list", false, "list the rules and run nothing")
	f.StringVar(&t.badge, "badge", "", "write the outcome as an SVG image to a `file`")
	return cmd
}

// check refuses what would run nothing or write nowhere.
func (t *testFlags) check() error {
	if t.options.Seed == 0 {
		return misuse("--seed 0: give a number from 1 on")
	}
	if dir := t.options.Fixtures; dir != "" {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return misuse("--fixtures %s is no directory; name the one that holds the *.json", dir)
		}
	}
	if t.badge != "" {
		return replaceable(t.badge)
	}
	return nil
}

// choose settles the fixtures of a plugin, and that --only means something.
func (t *testFlags) choose(executable string) error {
	if t.options.Fixtures == "" && executable != "" {
		t.options.Fixtures = filepath.Join(filepath.Dir(executable), "fixtures")
	}
	if lost := plugintest.Unmatched(t.options); len(lost) > 0 {
		return misuse("--only %s chooses no rule; `bulkhead plugin test --list` lists them", strings.Join(lost, ", "))
	}
	return nil
}

func (a *app) pluginTest(ctx context.Context, t *testFlags, args []string) error {
	if err := t.check(); err != nil {
		return err
	}
	if t.list && len(args) == 0 {
		return a.listRules(t, "")
	}
	s, name, err := a.openPlugin(ctx, args[0])
	if err != nil {
		return err
	}
	defer s.close()
	e, _ := s.launcher.Catalog.Entry(name)
	if t.list {
		return a.listRules(t, e.Executable)
	}
	if err := t.choose(e.Executable); err != nil {
		return err
	}
	// A plugin that does not start at all is told as such, once.
	if _, err := s.launcher.Start(ctx, name); err != nil {
		return t.notStarted(ctx, name, err)
	}
	return a.tested(ctx, t, plugintest.RunWith(ctx, s.subject(name), t.options))
}

func (a *app) listRules(t *testFlags, executable string) error {
	if err := t.choose(executable); err != nil {
		return err
	}
	return a.result(ruleList{SchemaVersion: report.SchemaVersion, Rules: plugintest.Rules(t.options)})
}

// tested prints the outcome and ends with its code.
func (a *app) tested(ctx context.Context, t *testFlags, rep plugintest.Report) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	out := contract{
		SchemaVersion: report.SchemaVersion, Tool: tool(), Report: rep,
		Passed: rep.Count(plugintest.Passed), Failed: rep.Count(plugintest.Failed), Skipped: rep.Count(plugintest.Skipped),
	}
	if err := t.writeBadge(rep); err != nil {
		return err
	}
	if err := a.result(out); err != nil {
		return err
	}
	if out.Failed > 0 {
		return exit(ExitErrors)
	}
	return nil
}

// notStarted tells why a plugin does not start.
func (t *testFlags) notStarted(ctx context.Context, name string, err error) error {
	told := failed("The plugin does not start", err)
	if ctx.Err() != nil { // nobody knows whether it would have
		return told
	}
	if err := t.writeBadge(plugintest.NotStarted(name, err)); err != nil {
		return errors.Join(told, err)
	}
	return told
}

// writeBadge writes the image, where one is wanted. That of a run before must not stay
// when the plugin does not even start.
func (t *testFlags) writeBadge(rep plugintest.Report) error {
	if t.badge == "" {
		return nil
	}
	err := writeFile(t.badge, func(w io.Writer) error { _, err := w.Write(rep.Badge()); return err })
	return failed("The badge could not be written", err)
}

// suiteDrain is what an instance gets to end, at the end of a rule. The rules ask
// how soon it does; on a machine that is busy an idle one may need this long.
const suiteDrain = plugin.DefaultDrainTimeout

// suiteStart is what an instance gets to start. No rule asks how soon it does, and it is
// started many times, perhaps on a machine that is busy.
const suiteStart = time.Minute

// subject starts instances of a plugin in sandboxes of their own.
func (s *session) subject(name string) plugintest.Subject {
	return plugintest.Subject{Name: name, Start: func(ctx context.Context, machine string) (*plugintest.Plugin, error) {
		l := suiteLauncher(s.launcher)
		if l.Trace != nil { // what it looks for is what it would look for here
			l.Machine = s.launcher.Machine
		}
		if machine != "" {
			m, err := target.At(machine, "/project", nil)
			if err != nil {
				return nil, err
			}
			l.Machine = m
		}
		r, err := l.Start(ctx, name)
		if err != nil {
			return nil, err
		}
		stop := func() error { return stopIn(ctx, l) }
		return &plugintest.Plugin{Conn: r.Conn(), Target: r.Target, PID: r.PID(), Shared: sharedTransform(l, r), Stop: stop}, nil
	}}
}

// stopIn ends an instance. When the suite itself was ended, nobody waits for what is in
// hand.
func stopIn(ctx context.Context, l *catalog.Launcher) error {
	closing := context.WithoutCancel(ctx)
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		closing, cancel = context.WithTimeout(closing, abandonTime)
		defer cancel()
	}
	return l.Close(closing)
}

// abandonTime is what an instance gets to end when the suite was interrupted.
const abandonTime = 300 * time.Millisecond

// suiteLauncher starts one instance as a host's launcher does.
func suiteLauncher(of *catalog.Launcher) *catalog.Launcher {
	return &catalog.Launcher{
		Catalog: of.Catalog, Floor: of.Floor, Logger: of.Logger, CacheDir: of.CacheDir, Floors: of.Floors, Config: of.Config,
		SharedBatches: suiteBatches, Trace: of.Trace, StartTimeout: suiteStart, DrainTimeout: suiteDrain,
	}
}

// contract is what `bulkhead plugin test` prints.
type contract struct {
	SchemaVersion string      `json:"schema_version"`
	Tool          report.Tool `json:"tool"`
	plugintest.Report
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
}

// WriteJSON writes the outcome as one JSON document.
func (c contract) WriteJSON(w io.Writer) error { return writeJSON(w, c) }

// WriteText writes a line for each rule and a sum.
func (c contract) WriteText(w io.Writer, _ report.Options) error {
	for _, r := range c.Cases {
		fmt.Fprintf(w, "%-8s %s\n", r.Status, report.CleanLine(r.Name))
		for line := range strings.Lines(r.Detail) {
			fmt.Fprintf(w, "         %s\n", report.CleanLine(strings.TrimRight(line, "\n")))
		}
	}
	if c.Failed > 0 {
		fmt.Fprintf(w, "\nTo see one again: --only RULE --seed %d\n", c.Seed)
	}
	_, err := fmt.Fprintf(w, "\n%s\n", report.CleanLine(c.Summary()))
	return err
}

// ruleList is what `bulkhead plugin test --list` prints.
type ruleList struct {
	SchemaVersion string            `json:"schema_version"`
	Rules         []plugintest.Rule `json:"rules"`
}

// WriteJSON writes the rules as one JSON document.
func (l ruleList) WriteJSON(w io.Writer) error { return writeJSON(w, l) }

// WriteText writes a line for each rule.
func (l ruleList) WriteText(w io.Writer, opt report.Options) error {
	for _, r := range l.Rules {
		writeTerm(w, opt, 0, 28, r.Name, r.Summary)
	}
	return nil
}
