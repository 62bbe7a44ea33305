// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/doctor"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/target"
)

// machineFlags say which machine to examine.
type machineFlags struct {
	root     string
	snapshot string
	pythons  []string
	project  string
}

func (m *machineFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&m.root, "root", "", "examine the machine whose / is this `directory`: a mounted disk, an unpacked image")
	f.StringArrayVar(&m.pythons, "python", nil, "examine this Python `environment` or interpreter; repeat for more")
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
	case m.snapshot != "" && (m.root != "" || len(m.pythons) > 0 || m.project != ""):
		return nil, misuse("--snapshot examines recorded facts; it does not go with --root, --python or --project")
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

func (a *app) doctorCmd() *cobra.Command {
	var (
		where machineFlags
		suite string
		facts bool
	)
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Diagnose this machine, a root directory or a snapshot",
		Long: "Doctor collects facts about the machine, checks them and names the root cause.\n" +
			"Nothing is changed, imported or sent anywhere.\n\n" +
			"Exit code: 0 healthy, 1 warnings, 2 errors, 3 time-out, 78 wrong configuration.",
		Example: "  bulkhead doctor\n  bulkhead doctor --python ~/venvs/train\n  bulkhead doctor --root /mnt/disk --json",
		Args:    exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.doctor(cmd.Context(), &where, suite, facts)
		},
	}
	where.register(cmd)
	cmd.Flags().StringVar(&where.snapshot, "snapshot", "", "diagnose the facts in this `file` instead of a machine")
	cmd.Flags().StringVar(&suite, "suite", "", "run the checks of this `suite` of the configuration only")
	cmd.Flags().BoolVar(&facts, "facts", false, "include the facts in the report")
	return cmd
}

func (a *app) doctor(ctx context.Context, where *machineFlags, suite string, facts bool) error {
	machine, err := where.machine()
	if err != nil {
		return err
	}
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	s, err := a.open(ctx, nil, machine)
	if err != nil {
		return err
	}
	defer s.close()
	selection, err := s.selection(ctx, suite)
	if err != nil {
		return err
	}
	opt := doctor.Options{
		Target: where.reportTarget(machine), Selection: selection, Timeout: a.share(),
		IncludeFacts: facts, StartedAt: s.started,
	}
	if machine != nil {
		opt.Recorded = machine.Recorded
	}
	rep, err := s.diagnose(ctx, where.snapshot, opt)
	if err != nil {
		return err
	}
	s.tellRefusals(rep.Plugins)
	if err := a.result(rep); err != nil {
		return err
	}
	code := doctor.ExitCode(rep, timedOut(ctx.Err()))
	if code < ExitErrors && incomplete(rep.Diagnostics) {
		code = ExitErrors
	}
	return asExit(code)
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
func (s *session) diagnose(ctx context.Context, snapshot string, opt doctor.Options) (report.Doctor, error) {
	plugins, err := s.doctors(ctx)
	if err != nil {
		return report.Doctor{}, err
	}
	var rep report.Doctor
	if snapshot != "" {
		facts, err := readSnapshot(snapshot)
		if err != nil {
			return report.Doctor{}, err
		}
		rep = doctor.Judge(ctx, plugins, doctor.FromSnapshot(facts), opt)
	} else {
		rep = doctor.Diagnose(ctx, plugins, opt)
	}
	rep.Diagnostics = append(s.notes, rep.Diagnostics...)
	return rep, nil
}

func readSnapshot(name string) (report.Facts, error) {
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
func (s *session) doctors(ctx context.Context) ([]doctor.Plugin, error) {
	var names []string
	for name, d := range s.describe(ctx) {
		if len(d.GetCollectors())+len(d.GetChecks()) > 0 {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, s.byTrust)
	started := make([]*doctor.Plugin, len(names))
	errs := make([]error, len(names))
	each(len(names), func(i int) { started[i], errs[i] = s.doctorPlugin(ctx, names[i]) })
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
		return doctor.Selection{}, s.app.wrongConfig(diags)
	}
	chosen := config.Selection{Requires: s.cfg.Requires}
	if suite != "" {
		found, ok := s.cfg.Suite(suite)
		if !ok {
			return doctor.Selection{}, misuse("--suite %s: the configuration has no suite of that name", suite)
		}
		var diags config.Diagnostics
		if chosen, diags = found.Resolve(s.cfg, catalog); diags.HasErrors() {
			return doctor.Selection{}, s.app.wrongConfig(diags)
		}
		chosen = orNone(chosen)
	}
	return s.policy(chosen, catalog)
}

func orNone(s config.Selection) config.Selection {
	if len(s.Codes) == 0 {
		s.Codes = []string{} // a suite of requirements only runs no check
	}
	return s
}
