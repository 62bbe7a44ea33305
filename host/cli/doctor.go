// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/doctor"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/target"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

// machineFlags say which machine to examine.
type machineFlags struct {
	root     string
	snapshot string
	pythons  []string
	project  string
	all      bool
}

func (m *machineFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&m.root, "root", "", "examine the machine whose / is this `directory`: a mounted disk, an unpacked image")
	f.StringArrayVar(&m.pythons, "python", nil, "examine this Python `environment` or interpreter; repeat for more")
	f.BoolVar(&m.all, "all-envs", false, "examine every Python environment that is found, not only those in use here")
	f.StringVar(&m.project, "project", "", "`directory` with Dockerfiles and .venv (default: the working directory)")
}

// machine is the machine that the flags name; nil for a snapshot, where no
// collector runs.
func (m *machineFlags) machine() (*target.Machine, error) {
	var (
		machine *target.Machine
		err     error
	)
	switch {
	case m.snapshot != "" && (m.root != "" || len(m.pythons) > 0 || m.project != "" || m.all):
		return nil, misuse("--snapshot examines recorded facts; it does not go with --root, --python, --all-envs or --project")
	case m.snapshot != "":
		return nil, nil
	case m.root != "":
		if machine, err = target.At(m.root, m.project, m.pythons); err == nil {
			err = machine.LooksLikeOne()
		}
	default:
		machine, err = target.This(m.project, m.pythons)
	}
	if err != nil {
		return nil, &failure{code: ExitConfig, summary: "The machine cannot be examined", err: err}
	}
	if m.all {
		machine.Pythons = append(machine.Pythons, target.AllPythons)
	}
	return machine, nil
}

func (m *machineFlags) reportTarget(machine *target.Machine) report.Target {
	switch {
	case machine == nil:
		return report.Target{Kind: report.TargetSnapshot, Path: m.snapshot}
	case machine.Live():
		return report.Target{Kind: report.TargetMachine, OS: machine.OS, Arch: machine.Arch}
	}
	return report.Target{Kind: report.TargetRoot, Path: machine.Root, OS: machine.OS, Arch: machine.Arch}
}

// examination is what the user asks of the doctor.
type examination struct {
	where  machineFlags
	depth  depth
	suite  string
	facts  bool
	redact bool
	fresh  bool
	watch  watch
	guide  bool
}

func (a *app) doctorCmd() *cobra.Command {
	var e examination
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Diagnose this machine, a root directory or a snapshot",
		Long: "Doctor collects facts about the machine, checks them and names the root cause.\n" +
			"Nothing is changed or sent anywhere. At level 1, the default, nothing of what is\n" +
			"examined is executed.\n\n" +
			"Exit code: 0 healthy, 1 warnings, 2 errors, 3 time-out, 78 wrong configuration.",
		Example: "  bulkhead doctor\n  bulkhead doctor --python ~/venvs/train --level 2\n" +
			"  bulkhead doctor --root /mnt/disk --json\n  bulkhead doctor --output report.html",
		Annotations: formatsOf(report.Doctor{}),
		Args:        exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case e.guide:
				return a.interview(cmd.Context(), &e)
			case e.watch.on:
				return a.watch(cmd.Context(), &e)
			}
			return a.doctor(cmd.Context(), &e)
		},
	}
	e.register(cmd)
	return cmd
}

func (e *examination) register(cmd *cobra.Command) {
	e.where.register(cmd)
	e.depth.register(cmd)
	f := cmd.Flags()
	f.StringVar(&e.where.snapshot, "snapshot", "", "diagnose the facts in this `file` instead of a machine")
	f.StringVar(&e.suite, "suite", "", "run the checks of this `suite` of the configuration only")
	f.BoolVar(&e.facts, "facts", false, "include the facts in the report")
	f.BoolVar(&e.redact, "redact", false, redactUsage)
	f.BoolVar(&e.fresh, "no-cache", false, "collect everything anew, whatever earlier runs have found")
	f.BoolVar(&e.watch.on, "watch", false, "diagnose again and again, and tell what changes, until Ctrl-C")
	f.DurationVar(&e.watch.every, "interval", defaultInterval, "`time` between two diagnoses of --watch")
	f.BoolVar(&e.guide, "interactive", false, "ask what to examine, then go through the findings one by one")
}

// doctor diagnoses once and prints the report.
func (a *app) doctor(ctx context.Context, e *examination) error {
	d, err := a.diagnosis(ctx, e)
	if err != nil {
		return err
	}
	return a.tell(d)
}

// diagnosis is a report, the exit code that it stands for, and what goes with it.
type diagnosis struct {
	report  report.Doctor
	code    int
	project string
	docs    map[string]check.Doc
}

// tell prints a diagnosis.
func (a *app) tell(d diagnosis) error {
	err := a.resultWith(d.report, func(o *report.Options) {
		o.ExitCode, o.Project = &d.code, d.project
		o.Docs = func(code string) (check.Doc, bool) { doc, ok := d.docs[code]; return doc, ok }
	})
	if err != nil {
		return err
	}
	return asExit(d.code)
}

// diagnosis diagnoses once.
func (a *app) diagnosis(ctx context.Context, e *examination) (diagnosis, error) {
	// A diagnosis is over in a moment and its heap is small: collecting it less
	// often leaves the processors to the plugins.
	debug.SetGCPercent(400)
	var none diagnosis
	machine, err := e.where.machine()
	if err != nil {
		return none, err
	}
	if err := e.depth.check(machine); err != nil {
		return none, err
	}
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	s, err := a.openWatched(ctx, nil, machine, nil)
	if err != nil {
		return none, err
	}
	defer s.close()
	selection, err := s.selection(ctx, e.suite)
	if err != nil {
		return none, err
	}
	rep, err := s.diagnose(ctx, e, doctor.Options{
		Target: e.where.reportTarget(machine), Selection: selection, Timeout: a.share(), Level: e.depth.level,
		IncludeFacts: e.facts, StartedAt: s.started,
	})
	if err != nil {
		return none, err
	}
	rep.Diagnostics = append(rep.Diagnostics, s.concludeDoctor(ctx, rep)...)
	s.tellRefusals(rep.Plugins)
	if e.redact {
		rep = redactor(machine).Doctor(rep)
	}
	out := diagnosis{report: rep, code: exitCode(ctx, rep), docs: s.docs(ctx)}
	if machine != nil {
		out.project = machine.ProjectDir
	}
	return out, nil
}

// exitCode is the code of a report. Silence of a plugin is no good health.
func exitCode(ctx context.Context, rep report.Doctor) int {
	code := doctor.ExitCode(rep, timedOut(ctx.Err()))
	if code < ExitErrors && incomplete(rep.Diagnostics) {
		code = ExitErrors
	}
	return code
}

// incomplete reports whether a plugin was left out or gave no answer: silence
// about what it would have seen is no good health.
func incomplete(ds []report.Diagnostic) bool {
	return slices.ContainsFunc(ds, func(d report.Diagnostic) bool { return d.Severity == report.Error })
}

// deadline bounds a whole command by --timeout.
func (a *app) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if a.flags.timeout > 0 {
		return context.WithTimeout(ctx, a.flags.timeout)
	}
	return context.WithCancel(ctx)
}

// share is what one round of calls gets of --timeout: a plugin that hangs while
// it collects must leave time for the checks of the others.
func (a *app) share() time.Duration { return a.flags.timeout * 2 / 5 }

// diagnose runs the doctor on the session's machine or on a snapshot.
func (s *session) diagnose(ctx context.Context, e *examination, opt doctor.Options) (report.Doctor, error) {
	opt.Cache = s.cache(e.fresh)
	start := s.doctorPlugin
	if opt.Cache != nil {
		start = s.lazyPlugin
	}
	plugins, err := s.doctors(ctx, start)
	if err != nil {
		return report.Doctor{}, err
	}
	collected, err := s.collect(ctx, e, plugins, opt)
	if err != nil {
		return report.Doctor{}, err
	}
	rep := doctor.Judge(ctx, plugins, collected, opt)
	rep.Diagnostics = append(s.notes, rep.Diagnostics...)
	return rep, nil
}

// collect reads the snapshot or observes the machine, and tries out what it
// shows.
func (s *session) collect(ctx context.Context, e *examination, plugins []doctor.Plugin, opt doctor.Options) (doctor.Collected, error) {
	if e.where.snapshot != "" {
		facts, err := readSnapshot(e.where.snapshot)
		return doctor.FromSnapshot(facts), err
	}
	done := s.app.slowly("collecting facts")
	collected := doctor.CollectCached(ctx, plugins, cmp.Or(opt.Timeout, doctor.DefaultTimeout), opt.Cache)
	done()
	collected.AddRecorded(s.launcher.Machine.Recorded, plugins)
	s.probe(ctx, &e.depth, &collected)
	return collected, nil
}

func readSnapshot(name string) (report.Facts, error) {
	// A FIFO in its place would never open.
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return report.Facts{}, &failure{code: ExitConfig, summary: "The snapshot cannot be read", err: fmt.Errorf("%s is not a regular file", name)}
	}
	f, err := os.Open(name)
	if err != nil {
		return report.Facts{}, &failure{code: ExitConfig, summary: "The snapshot cannot be read", err: err}
	}
	defer f.Close()
	facts, err := report.ReadSnapshot(f)
	if err != nil {
		return report.Facts{}, &failure{code: ExitConfig, summary: "The snapshot cannot be read", err: fmt.Errorf("%s: %w", name, err)}
	}
	return facts, nil
}

// doctors starts every plugin that collects or checks, all at the same time.
// Those that fail are noted; it is an error when none is left.
func (s *session) doctors(ctx context.Context, start func(context.Context, string) (*doctor.Plugin, error)) ([]doctor.Plugin, error) {
	var names []string
	for name, d := range s.describe(ctx) {
		if len(d.GetCollectors())+len(d.GetChecks()) > 0 {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, s.byTrust)
	started := make([]*doctor.Plugin, len(names))
	errs := make([]error, len(names))
	each(len(names), func(i int) { started[i], errs[i] = start(ctx, names[i]) })
	var out []doctor.Plugin
	for i, p := range started {
		if errs[i] != nil {
			s.note(names[i], errs[i])
			continue
		}
		out = append(out, *p)
	}
	if len(out) == 0 {
		return nil, s.noPlugins(ctx)
	}
	return out, nil
}

// byTrust puts built-in plugins first, then goes by name: of two plugins that
// claim one fact or code the doctor believes the first.
func (s *session) byTrust(a, b string) int {
	rank := func(name string) int {
		if e, ok := s.launcher.Catalog.Entry(name); ok && e.Origin == catalog.Builtin {
			return 0
		}
		return 1
	}
	return cmp.Or(rank(a)-rank(b), strings.Compare(a, b))
}

// noPlugins is the failure when nothing can examine the machine.
func (s *session) noPlugins(ctx context.Context) error {
	f := &failure{code: ExitErrors, summary: "No plugin can examine the machine", diags: s.notes}
	f.err = fmt.Errorf("none started; `bulkhead plugin list` shows what is installed and `make build` builds the built-in ones")
	if len(s.notes) > 0 {
		f.err = fmt.Errorf("none started")
	}
	if timedOut(ctx.Err()) {
		f.code, f.err = ExitTimeout, fmt.Errorf("none started in time; give more with --timeout")
	}
	return f
}

func (s *session) doctorPlugin(ctx context.Context, name string) (*doctor.Plugin, error) {
	r, err := s.launcher.Start(ctx, name)
	if err != nil {
		return nil, err
	}
	return &doctor.Plugin{
		Name: name, Version: r.Description.GetVersion(), Digest: r.Digest(), Sandbox: reportSandbox(r.Sandbox(), nil),
		Description: r.Description, Conn: r.Conn(), Target: r.Target,
	}, nil
}

// selection is what to check: a suite, or everything and every requirement.
func (s *session) selection(ctx context.Context, suite string) (doctor.Selection, error) {
	if s.cfg == nil {
		if suite != "" {
			return doctor.Selection{}, misuse("--suite %s: there is no configuration here; name one with --config", suite)
		}
		return doctor.Selection{}, nil
	}
	catalog := config.NewCatalog(s.describe(ctx))
	if diags := config.Bind(s.cfg, catalog); diags.HasErrors() {
		return doctor.Selection{}, s.wrongBinding(diags)
	}
	chosen, diags := s.cfg.ResolveAll(catalog)
	chosen.Codes = nil // all, also those of a plugin that does not start
	if suite != "" {
		found, ok := s.cfg.Suite(suite)
		if !ok {
			return doctor.Selection{}, misuse("--suite %s: the configuration has no suite of that name", suite)
		}
		if chosen, diags = found.Resolve(s.cfg, catalog); diags.HasErrors() {
			return doctor.Selection{}, s.app.wrongConfig(diags)
		}
		chosen = orNone(chosen)
	}
	if diags.HasErrors() {
		return doctor.Selection{}, s.app.wrongConfig(diags)
	}
	return s.policy(chosen, catalog)
}

func orNone(s config.Selection) config.Selection {
	if len(s.Codes) == 0 {
		s.Codes = []string{} // a suite of requirements only runs no check
	}
	return s
}
