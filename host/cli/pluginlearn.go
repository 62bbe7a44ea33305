// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/doctor"
	"github.com/bulkhead-ml/bulkhead/host/learn"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/host/target"
	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
)

// learnFlags say what the traced plugin does.
type learnFlags struct {
	doctor   bool
	pipeline string
	wide     bool
	yes      bool
	write    bool
}

// traced is the plugin that an app traces in every session that it opens.
type traced struct {
	name, path string // path of one that is not installed
	grants     []manifest.Grant
	recorder   *learn.Recorder
	wide       bool // grants stand in place of those of the plugin
	started    atomic.Bool
	cut        string // why the run ended before its time; "" when it did not
}

func (a *app) pluginLearnCmd() *cobra.Command {
	var l learnFlags
	cmd := &cobra.Command{
		Use: "learn NAME|PATH [-- COMMAND [ARG...]]", Short: "Run a plugin traced and propose the fewest grants that it needs",
		Long: "Learn runs the plugin in its sandbox, sees which files it looks for, which\n" +
			"programs it starts and which addresses it asks for, and prints the grants for\n" +
			"its manifest: those that were used and those that it lacked. It says which of\n" +
			"the manifest's were never used.\n\n" +
			"By default the plugin collects facts of this machine, judges them, and runs its\n" +
			"kernels on sample tables. A grant that only another machine, other settings or\n" +
			"other data need is not seen: choose what to run with --doctor, --pipeline, or\n" +
			"any command of bulkhead behind --. Linux only.",
		Example: "  bulkhead plugin learn ./hub/hub.py --wide --write\n  bulkhead plugin learn gpu --doctor\n" +
			"  bulkhead plugin learn ./scaler --pipeline train.hcl\n  bulkhead plugin learn ./scaler -- run train.hcl --var rows=1000",
		Args: func(cmd *cobra.Command, args []string) error {
			if at := cmd.ArgsLenAtDash(); at >= 0 {
				args = args[:at]
			}
			return exactly(1, "the name of an installed plugin or the path of an executable")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var command []string
			if at := cmd.ArgsLenAtDash(); at >= 0 {
				args, command = args[:at], args[at:]
			}
			return a.pluginLearn(cmd.Context(), &l, args[0], command)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&l.doctor, "doctor", false, "run `bulkhead doctor` with it")
	f.StringVar(&l.pipeline, "pipeline", "", "run the pipeline of this configuration `file` with it")
	f.BoolVar(&l.wide, "wide", false, "show it the machine's own files instead of what its manifest asks to read")
	f.BoolVarP(&l.yes, "yes", "y", false, "agree to --wide")
	f.BoolVar(&l.write, "write", false, "put the grants into the manifest.json beside the executable")
	return cmd
}

// command is what is to be run; none for the plugin alone.
func (l *learnFlags) command(given []string) ([]string, error) {
	ways := 0
	for _, on := range []bool{l.doctor, l.pipeline != "", len(given) > 0} {
		if on {
			ways++
		}
	}
	switch {
	case ways > 1:
		return nil, misuse("--doctor, --pipeline and a command behind -- exclude each other; choose one")
	case l.doctor:
		return []string{"doctor", "--no-cache"}, nil
	case l.pipeline != "":
		return []string{"run", l.pipeline}, nil
	}
	return given, nil
}

func (a *app) pluginLearn(ctx context.Context, l *learnFlags, arg string, given []string) error {
	command, err := l.command(given)
	if err != nil {
		return err
	}
	machine, err := target.This("", nil)
	if err != nil {
		return failed("The machine cannot be examined", err)
	}
	s, name, err := a.openPlugin(ctx, arg)
	if err != nil {
		return err
	}
	defer s.close()
	e, _ := s.launcher.Catalog.Entry(name)
	if err := l.check(e); err != nil {
		return err
	}
	t := &traced{name: name, grants: e.Grants, recorder: &learn.Recorder{}}
	if e.Origin == catalog.Declared && e.Declaration == nil {
		t.path = e.Executable
	}
	machine.Protected = s.protected()
	if l.wide {
		t.wide = true
		if t.grants, err = a.wide(ctx, l, e, machine); err != nil {
			return err
		}
	}
	doing, err := a.traceRun(ctx, s, t, machine, command)
	if err != nil {
		return err
	}
	run := learn.Run{Asked: e.Manifest.Grants, Given: t.grants, Machine: machine, Seen: t.recorder.Seen(), Doing: doing, Python: e.Manifest.Runtime != nil}
	return a.learnt(l, e, learn.Propose(run), t, doing)
}

// check refuses to write where a manifest is bound to its plugin.
func (l *learnFlags) check(e *catalog.Entry) error {
	switch {
	case l.yes && !l.wide:
		return misuse("--yes agrees to --wide, which was not given")
	case !l.write:
		return nil
	case e.Origin != catalog.Declared && e.Origin != catalog.Dev:
		return misuse("--write changes the manifest of a plugin that you work on, and %s is %s; give the path of its executable instead", e.Name, e.Origin)
	}
	if _, err := manifest.Load(filepath.Dir(e.Executable)); err != nil {
		return misuse("--write needs a manifest.json beside the executable: %w", err)
	}
	return nil
}

// wide are the grants of a run that shows the machine's own files, if somebody
// agrees to that.
func (a *app) wide(ctx context.Context, l *learnFlags, e *catalog.Entry, machine *target.Machine) ([]manifest.Grant, error) {
	grants := learn.Wide(machine, e.Manifest.Grants)
	if l.yes {
		return grants, nil
	}
	what := fmt.Sprintf("With --wide %s sees what every user of this machine may read in /etc, /usr and /opt, the system's part of /proc and /sys, "+
		"the files of the project %s, and named Python environments. It sees no home and no secrets, changes nothing, and reaches no network.", e.Name, machine.ProjectDir)
	if a.ask() == nil {
		return nil, misuse("%s To agree, pass --yes", what)
	}
	fmt.Fprintf(a.stderr, "%s\nDo you agree? [y/N] ", what)
	answer, err := readLine(ctx)
	if err == nil && answer != "y" && answer != "yes" {
		err = errors.New("you did not agree")
	}
	return grants, failed("The plugin was not run", err)
}

// traceRun runs the plugin, and says in words what it did.
func (a *app) traceRun(ctx context.Context, s *session, t *traced, machine *target.Machine, command []string) (doing string, err error) {
	done := a.slowly("running " + t.name + " traced")
	defer done()
	if len(command) > 0 {
		doing, err = "running bulkhead "+strings.Join(command, " "), a.traceCommand(ctx, t, command)
	} else {
		s.launcher.Machine = machine
		s.install(t)
		doing, err = s.exercise(ctx, t)
		s.close() // what was refused is told at the end
	}
	switch {
	case errors.Is(err, sandbox.ErrNoTrace):
		return "", failed("The plugin cannot be traced here", fmt.Errorf("%w; `bulkhead plugin test` and `bulkhead run -v` list what is refused without a trace", err))
	case err != nil:
		return "", err
	case !t.started.Load():
		return "", failed("The plugin was not run", fmt.Errorf("%s started without plugin %q; choose something that uses it", doing, t.name))
	}
	return doing, nil
}

// traceCommand runs a command of bulkhead, whose result goes to standard error.
func (a *app) traceCommand(ctx context.Context, t *traced, command []string) error {
	inner := &app{stdout: a.stderr, stderr: a.stderr, args: append(a.inherited(), command...), traced: t}
	defer inner.close()
	err := inner.guarded(ctx)
	code, printed := errors.AsType[exit](err)
	if printed && command[0] == "run" {
		t.cut = fmt.Sprintf("bulkhead %s ended with code %d", strings.Join(command, " "), code)
	}
	if printed {
		return nil
	}
	return err
}

// inherited are the global flags that say which plugins there are and how they run.
func (a *app) inherited() []string {
	var out []string
	for _, f := range []struct {
		name   string
		values []string
	}{{"--config", a.flags.configs}, {"--var", a.flags.vars}, {"--var-file", a.flags.varFiles}} {
		for _, v := range f.values {
			out = append(out, f.name+"="+v)
		}
	}
	if a.flags.sandbox != "" {
		out = append(out, "--sandbox="+a.flags.sandbox)
	}
	if a.flags.timeout > 0 {
		out = append(out, "--timeout="+a.flags.timeout.String())
	}
	return out
}

// install traces a plugin in this session. One that is known by its path may have
// another name in the configuration.
func (s *session) install(t *traced) {
	entries := s.tracedEntries(t)
	for _, e := range entries {
		if t.wide {
			e.Grants = t.grants
		}
		t.grants = e.Grants
	}
	s.launcher.Trace = func(started *catalog.Entry) catalog.Tracer {
		if !slices.Contains(entries, started) {
			return nil
		}
		t.started.Store(true)
		return t.recorder
	}
}

// tracedEntries are the plugins that are traced: the one of the name, or those of the
// path, which is added where the configuration has none.
func (s *session) tracedEntries(t *traced) (out []*catalog.Entry) {
	if t.path == "" {
		if e, ok := s.launcher.Catalog.Entry(t.name); ok {
			out = append(out, e)
		}
		return out
	}
	for _, e := range s.launcher.Catalog.Entries() {
		if e.Executable == t.path {
			out = append(out, e)
		}
	}
	if len(out) > 0 {
		return out
	}
	name, err := s.launcher.Catalog.AddPath(t.path)
	if err != nil {
		s.note(t.name, err)
		return nil
	}
	e, _ := s.launcher.Catalog.Entry(name)
	return []*catalog.Entry{e}
}

// sampleRules are the rules of the contract that give kernels sample tables.
var sampleRules = []string{"kernel/rows-add-up", "kernel/empty-table", "kernel/output", "kernel/undo"}

// traceTime is what a traced plugin gets to answer: the host looks at each of its
// calls that name a file, which takes many times as long as the call.
const traceTime = 5 * time.Minute

// exercise lets a plugin collect, check and transform.
func (s *session) exercise(ctx context.Context, t *traced) (doing string, err error) {
	ctx, cancel := s.app.deadline(ctx)
	defer cancel()
	if s.launcher.CallTimeout == 0 {
		s.launcher.CallTimeout = traceTime
	}
	p, err := s.doctorPlugin(ctx, t.name)
	if err != nil {
		return "", failed("The plugin does not start", err)
	}
	answers := &answers{ClientConnInterface: p.Conn}
	p.Conn = answers
	did := s.examine(ctx, p)
	if len(p.Description.GetKernels()) > 0 {
		rep := plugintest.RunWith(ctx, s.subject(t.name), plugintest.Options{Seed: 1, Only: sampleRules})
		if n := rep.Count(plugintest.Failed); n > 0 {
			s.app.warn("%s of the contract failed, so that the kernels were not seen in full; `bulkhead plugin test` tells more", count(n, "rule", "rules"))
		}
		did = append(did, "running kernels on sample tables")
	}
	if ctx.Err() != nil {
		return "", failed("The traced run was cut short", context.Cause(ctx))
	}
	if err := answers.failure(); err != nil {
		t.cut = "the plugin did not answer: " + err.Error()
	}
	return joined(did), nil
}

// examine runs the collectors and checks of a plugin, and says what it did.
func (s *session) examine(ctx context.Context, p *doctor.Plugin) (did []string) {
	collected := doctor.Collect(ctx, []doctor.Plugin{*p}, traceTime)
	if len(p.Description.GetCollectors()) > 0 {
		did = append(did, "collecting facts of this machine")
	}
	if len(p.Description.GetChecks()) > 0 {
		doctor.Judge(ctx, []doctor.Plugin{*p}, collected, doctor.Options{StartedAt: s.started, Timeout: traceTime})
		did = append(did, "running its checks")
	}
	for _, d := range collected.Diagnostics {
		s.app.warn("%s: %s", d.Summary, d.Detail)
	}
	return did
}

// answers is the connection to a plugin that notes whether it answered.
type answers struct {
	grpc.ClientConnInterface

	mu  sync.Mutex
	err error
}

// Invoke passes on, and keeps the first failure.
func (c *answers) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	err := c.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.err = cmp.Or(c.err, err)
	}
	return err
}

func (c *answers) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func joined(did []string) string {
	if len(did) == 0 {
		return "starting"
	}
	return strings.Join(did, ", ")
}

// writeGrants puts the proposal into the manifest beside the executable. What was
// written about a grant stays.
func writeGrants(e *catalog.Entry, grants []manifest.Grant) (string, error) {
	dir := filepath.Dir(e.Executable)
	m, err := manifest.Load(dir)
	if err != nil {
		return "", err
	}
	m.Grants = append([]manifest.Grant{}, grants...)
	data, err := m.Encode()
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, manifest.FileName)
	return name, durable.Replace(name, data, nil)
}
