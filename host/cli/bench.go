// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/cpuid/v2"
	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/bench"
	"github.com/bulkhead-ml/bulkhead/host/doctor"
	"github.com/bulkhead-ml/bulkhead/host/probe"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// benchFlags say what to measure and what to hold it against.
type benchFlags struct {
	where    machineFlags
	rounds   int
	budget   time.Duration
	dir      string
	baseline string
	save     string
	list     bool
}

// Baselines that are no files.
const (
	baselineLast = "last"
	baselineNone = "none"
)

func (a *app) benchCmd() *cobra.Command {
	var b benchFlags
	cmd := &cobra.Command{
		Use:   "bench [NAME...]",
		Short: "Measure this machine and tell what became slower",
		Long: "Bench measures this machine and its Python environment and compares the figures,\n" +
			"with their confidence intervals, to a baseline: the last run on this machine, or\n" +
			"a file. NAME is a benchmark or its beginning: cpu, disk, gpu.gemm.\n\n" +
			"Exit code: 0 nothing is slower, 1 something is, 3 time-out,\n78 wrong command line.",
		Example: "  bulkhead bench\n  bulkhead bench cpu memory --rounds 30\n" +
			"  bulkhead bench --save before.json\n  bulkhead bench --baseline before.json",
		RunE: func(cmd *cobra.Command, args []string) error { return a.bench(cmd.Context(), &b, args) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&b.where.pythons, "python", nil, "measure this Python `environment`; repeat for more")
	f.IntVar(&b.rounds, "rounds", 10, "`samples` of each benchmark")
	f.DurationVar(&b.budget, "budget", 10*time.Second, "`time` after which a benchmark takes no more than 3 samples")
	f.StringVar(&b.dir, "dir", "", "`directory` on the disk to measure (default: that for temporary files)")
	f.StringVar(&b.baseline, "baseline", baselineLast, "compare with the `run` in this file, with the last one, or with none")
	f.StringVar(&b.save, "save", "", "write the run to this `file`, for --baseline")
	f.BoolVar(&b.list, "list", false, "list the benchmarks and measure nothing")
	cmd.AddCommand(a.benchHistoryCmd())
	return cmd
}

func (b *benchFlags) check() error {
	switch {
	case b.rounds < 3 || b.rounds > 1000:
		return misuse("--rounds %d: give 3 to 1000; fewer than 3 samples have no interval", b.rounds)
	case b.budget <= 0:
		return misuse("--budget %v: give a time above 0, such as 10s", b.budget)
	}
	if info, err := os.Stat(b.dir); b.dir != "" && (err != nil || !info.IsDir()) {
		return misuse("--dir %s is no directory; name one on the disk to measure", b.dir)
	}
	if b.save != "" {
		return replaceable(b.save)
	}
	return nil
}

func (a *app) bench(ctx context.Context, b *benchFlags, names []string) error {
	if err := b.check(); err != nil {
		return err
	}
	base, err := b.readBaseline()
	if err != nil {
		return err
	}
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	chosen, entry, o, err := a.prepareBench(ctx, b, names)
	if err != nil {
		return err
	}
	if b.list {
		return a.result(benchList{chosen})
	}
	line := a.probing(len(chosen))
	o.Progress = line.measuring
	entry.Results, err = bench.Run(ctx, chosen, o)
	line.done()
	if err != nil && !timedOut(err) {
		return err
	}
	return a.finishBench(b, entry, base, err)
}

// prepareBench finds the environments and the GPU, and chooses what to measure.
func (a *app) prepareBench(ctx context.Context, b *benchFlags, names []string) ([]bench.Benchmark, bench.Entry, bench.Options, error) {
	var none bench.Entry
	machine, err := b.where.machine()
	if err != nil {
		return nil, none, bench.Options{}, err
	}
	s, err := a.open(ctx, nil, machine)
	if err != nil {
		return nil, none, bench.Options{}, err
	}
	defer s.close()
	var facts fact.Set
	if plugins, err := s.doctors(ctx, s.doctorPlugin); err == nil { // without plugins the machine itself can be measured
		facts = doctor.Collect(ctx, plugins, doctor.DefaultTimeout).Facts
	}
	chosen, err := choose(append(bench.Machine(), environmentBenches(facts, len(b.where.pythons))...), names)
	o := bench.Options{Rounds: b.rounds, Budget: b.budget, Dir: b.dir, Probe: probe.Options{Env: machine.Env, Home: machine.Home, Floor: s.launcher.Floor}}
	return chosen, bench.Entry{SchemaVersion: bench.EntryVersion, At: time.Now().UTC(), Machine: subjectOf(facts)}, o, err
}

// choose keeps the benchmarks whose names begin with one of those given, word by
// word.
func choose(all []bench.Benchmark, names []string) ([]bench.Benchmark, error) {
	if len(names) == 0 {
		return all, nil
	}
	var out []bench.Benchmark
	for _, name := range names {
		found := false
		for _, b := range all {
			if atOrBelow(b.Name, name) {
				found = true
				if !slices.ContainsFunc(out, func(c bench.Benchmark) bool { return c.Name == b.Name }) {
					out = append(out, b)
				}
			}
		}
		if !found {
			return nil, misuse("there is no benchmark %q here; `bulkhead bench --list` lists them", name)
		}
	}
	return out, nil
}

// benchModules are the frameworks whose import is measured.
var benchModules = map[string]string{
	"numpy": "numpy", "torch": "torch", "tensorflow": "tensorflow", "jax": "jax", "pandas": "pandas", "transformers": "transformers",
}

// environmentBenches are those of the first environment, or of each that the user
// named, and of the GPU.
func environmentBenches(facts fact.Set, named int) []bench.Benchmark {
	envs, _ := fact.Get[[]struct {
		Prefix string `json:"prefix"`
		Python string `json:"python"`
	}](facts, "python.envs")
	var out []bench.Benchmark
	for i, env := range envs {
		if i >= max(named, 1) {
			break
		}
		modules := installedModules(facts, env.Prefix)
		python := cmp.Or(env.Python, path.Join(env.Prefix, "bin/python"))
		out = append(out, bench.Environment(env.Prefix, python, modules)...)
		if gpus, _ := fact.Get[int](facts, "gpu.count"); gpus > 0 && i == 0 {
			out = append(out, bench.GPU(env.Prefix, python, slices.Contains(modules, "torch"))...)
		}
	}
	return out
}

func installedModules(facts fact.Set, prefix string) []string {
	packages, _ := fact.Get[[]struct {
		Name string `json:"name"`
	}](facts, fact.At("python.env", prefix, "packages"))
	var out []string
	for _, p := range packages {
		if m := benchModules[strings.ToLower(p.Name)]; m != "" {
			out = append(out, m)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// subjectOf is what this machine is, as far as speed goes.
func subjectOf(facts fact.Set) bench.Subject {
	s := bench.Subject{CPU: cmp.Or(cpuid.CPU.BrandName, runtime.GOARCH), CPUs: runtime.NumCPU(), OS: runtime.GOOS, Arch: runtime.GOARCH, GPUs: []string{}}
	s.Memory, _ = fact.Get[uint64](facts, "memory.total_bytes")
	s.Kernel, _ = fact.Get[string](facts, "os.kernel")
	devices, _ := fact.Get[[]struct {
		Name string `json:"name"`
	}](facts, "gpu.devices")
	for _, d := range devices {
		s.GPUs = append(s.GPUs, d.Name)
	}
	return s
}

// readBaseline reads what a run is compared to before anything is measured.
func (b *benchFlags) readBaseline() (*bench.Entry, error) {
	if b.baseline == baselineLast || b.baseline == baselineNone || b.list {
		return nil, nil
	}
	e, err := bench.ReadBaseline(b.baseline)
	if err != nil {
		return nil, &failure{code: ExitConfig, summary: "The baseline cannot be read", err: err}
	}
	return &e, nil
}

// finishBench compares, remembers and prints.
func (a *app) finishBench(b *benchFlags, entry bench.Entry, base *bench.Entry, stopped error) error {
	history, err := benchHistory()
	if err != nil {
		return failed("The history of benchmarks has no place", err)
	}
	if b.baseline == baselineLast {
		base = a.lastRun(history, entry)
	}
	rep := benchReport{Entry: entry, Comparisons: []bench.Comparison{}, alone: b.baseline == baselineNone, cut: stopped != nil}
	if base != nil {
		rep.Baseline, rep.OtherMachine = &base.At, !entry.Machine.Same(base.Machine)
		rep.Comparisons = bench.Compare(entry.Results, base.Results)
	}
	if stopped == nil {
		if err := history.Append(entry); err != nil {
			a.warn("the run is not remembered: %v", err)
		}
	}
	if b.save != "" {
		if err := writeFile(b.save, entryWriter(entry)); err != nil {
			return failed("The run could not be saved", err)
		}
	}
	if err := a.result(rep); err != nil {
		return err
	}
	if stopped != nil {
		return exit(ExitTimeout)
	}
	return asExit(rep.exitCode())
}

// lastRun is the newest run of this machine, joined with older ones for what it
// did not measure.
func (a *app) lastRun(h bench.History, now bench.Entry) *bench.Entry {
	entries, skipped, err := h.Read()
	a.log.Debug("history of benchmarks", "entries", len(entries), "skipped", skipped)
	if err != nil {
		a.warn("the runs before cannot be read: %v", err)
	}
	var out *bench.Entry
	for _, e := range slices.Backward(entries) {
		if !e.Machine.Same(now.Machine) {
			continue
		}
		if out == nil {
			out = &e
			continue
		}
		for _, r := range e.Results {
			if !slices.ContainsFunc(out.Results, func(x bench.Result) bool { return x.Name == r.Name && x.Skipped == "" }) {
				out.Results = append(out.Results, r)
			}
		}
	}
	return out
}

// benchHistory is the file of this user's runs.
func benchHistory() (bench.History, error) {
	dir, err := stateDir()
	return bench.History{Path: filepath.Join(dir, "bench.jsonl")}, err
}

// stateDir is bulkhead in $XDG_STATE_HOME, or in ~/.local/state; on Windows in the
// Known Folder LocalAppData.
func stateDir() (string, error) {
	if runtime.GOOS == "windows" {
		dir, err := os.UserCacheDir()
		return filepath.Join(dir, "bulkhead"), err
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "bulkhead"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no home directory: %w; set XDG_STATE_HOME", err)
	}
	return filepath.Join(home, ".local", "state", "bulkhead"), nil
}

func (a *app) benchHistoryCmd() *cobra.Command {
	return &cobra.Command{
		Use: "history", Short: "List the runs that are remembered",
		Args: exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			h, err := benchHistory()
			if err != nil {
				return failed("The history of benchmarks has no place", err)
			}
			entries, skipped, err := h.Read()
			if err != nil {
				return failed("The history of benchmarks cannot be read", err)
			}
			return a.result(benchRuns{Path: h.Path, Entries: entries, Skipped: skipped})
		},
	}
}
