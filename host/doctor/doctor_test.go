// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// judgesFacts is a check that reads the facts, so that a wrong fact on the way
// shows.
func judgesFacts(code, area, address string, f check.Finding) check.Check {
	return check.Check{Code: code, Title: "Fault " + code, Area: area, Needs: []string{address}, Run: func(c *check.Context) {
		f.Evidence = c.Evidence(address)
		c.Report(f)
	}}
}

// workshop is a set of honest plugins on a machine with a missing driver.
func workshop(t testing.TB) []Plugin {
	gpu := honest(t, "gpu",
		collector(values{"gpu.count": 2, "gpu.driver.loaded": false, "cuda.toolkits": []values{{"path": "/usr/local/cuda-12.4", "version": "12.4"}}}),
		check.Serve(
			judgesFacts("gpu.driver-missing", "gpu", "gpu.driver.loaded", check.Finding{
				Title: "The NVIDIA driver is not loaded", Detail: "2 GPUs are there and no kernel module drives them.", Explains: []string{"torch.*", "docker.gpu-runtime-missing"},
				Remedies: []check.Remedy{{ID: "load", Summary: "Load the module.", Kind: check.SystemCommand, Risk: check.Low, Preview: []string{"sudo modprobe nvidia"}}},
			}),
			quiet("gpu.ecc", "gpu", "gpu.nvml.status"),
			quiet("cuda.mixed", "cuda"),
		))
	python := honest(t, "python",
		collector(values{
			"python.envs":                 list("/opt/venv"),
			"python.env[/opt/venv].torch": values{"version": "2.4.0", "cuda": "12.4"}, "python.env[/opt/venv].packages": []values{{"name": "torch", "version": "2.4.0"}, {"name": "numpy", "version": "2.1.0"}},
		}),
		check.Serve(
			judgesFacts("torch.cuda-unavailable", "frameworks", "python.env.torch", check.Finding{Subject: "/opt/venv", Title: "torch cannot see a GPU", Confidence: 0.9}),
			judgesFacts("torch.too-new", "frameworks", "python.envs", check.Finding{Severity: check.Unknown, Subject: "/opt/new", Title: "torch 9 is newer than the tables"}),
			quiet("python.pep668", "python"),
		))
	system := honest(t, "system",
		collector(values{"shm.total_bytes": 64 << 20, "os.pretty_name": "Debian GNU/Linux 12", "cpu.count": 16, "docker.engine.installed": false}),
		check.Serve(
			judgesFacts("system.shm-small", "system", "shm.total_bytes", check.Finding{Severity: check.Warning, Title: "/dev/shm is small", Detail: "It has 64 MiB."}),
			judgesFacts("docker.gpu-runtime-missing", "docker", "docker.engine.installed", check.Finding{Severity: check.Info, Title: "Containers cannot use the GPUs"}),
			check.Check{Code: "system.crash", Title: "t", Area: "system", Run: func(*check.Context) { panic("index out of range [3]") }},
		))
	return []Plugin{gpu, python, system}
}

func list(prefix string) []values {
	return []values{{"prefix": prefix, "version": "3.11.7", "kind": "venv"}}
}

func options() Options {
	return Options{
		Target: report.Target{Kind: report.TargetMachine, OS: "linux", Arch: "amd64"}, Timeout: soon, IncludeFacts: true,
		Selection: Selection{Skips: map[string]string{"python.pep668": "not wanted here"}, Requires: []Require{
			policy{name: "modern_driver", missing: []string{"gpu.driver.version"}}, policy{name: "cpus", ok: true},
		}},
	}
}

// timeless removes what may differ between two runs.
func timeless(d report.Doctor) report.Doctor {
	d.StartedAt, d.DurationMS = time.Time{}, 0
	for i := range d.Plugins {
		d.Plugins[i].DurationMS = 0
	}
	for i := range d.Diagnostics {
		d.Diagnostics[i].Debug = ""
	}
	return d
}

func TestDiagnoseGolden(t *testing.T) {
	d := timeless(Diagnose(t.Context(), workshop(t), options()))
	for name, opt := range map[string]report.Options{"terse": {}, "60": {Width: 60}, "verbose": {Verbose: true}} {
		var b bytes.Buffer
		if err := d.WriteText(&b, opt); err != nil {
			t.Fatal(err)
		}
		golden(t, "diagnose."+name+".txt", b.Bytes())
	}
	golden(t, "diagnose.json", jsonOf(t, d))
}

func jsonOf(t testing.TB, d report.Doctor) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := d.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with: go test ./host/doctor -update", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}

// TestDiagnoseFollowsTheSchema holds a real report, hostile plugins and all,
// against the published schema.
func TestDiagnoseFollowsTheSchema(t *testing.T) {
	path, err := filepath.Abs("../../docs/schema/doctor.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	schema, err := c.Compile(path)
	if err != nil {
		t.Fatal(err)
	}
	liar := collecting(t, "liar", []string{"x.y"}, wireFact("x.y", `"\u001b[31m"`), wireFact("X", "{"), &pluginv1.Fact{Address: "x.y[a]", Unknown: "\x1b[0mno", Evidence: []*pluginv1.Evidence{{}}})
	rude := reporting(t, "rude", "gpu.z", &pluginv1.Finding{Code: "gpu.z", Title: "\u202et", Severity: 77, Evidence: []*pluginv1.Evidence{{Line: -1}, {Value: "\x00v"}}, Remedies: []*pluginv1.Remedy{{}}})
	d := Diagnose(t.Context(), append(workshop(t), liar, rude), options())
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(jsonOf(t, d)))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(v); err != nil {
		t.Error(err)
	}
	if len(d.Facts) == 0 || len(d.Plugins) != 5 {
		t.Errorf("%d facts, %d plugins", len(d.Facts), len(d.Plugins))
	}
}

// TestDiagnoseIsPure runs the same plugins in other orders.
func TestDiagnoseIsPure(t *testing.T) {
	plugins := workshop(t)
	want := timeless(Diagnose(t.Context(), plugins, options()))
	random := rand.New(rand.NewPCG(1, 2))
	for range 10 {
		random.Shuffle(len(plugins), func(i, j int) { plugins[i], plugins[j] = plugins[j], plugins[i] })
		if diff := cmp.Diff(want, timeless(Diagnose(t.Context(), plugins, options()))); diff != "" {
			t.Fatalf("the order of the plugins matters:\n%s", diff)
		}
	}
}

// TestSnapshotGivesTheSameFindings diagnoses live, writes a snapshot, and
// diagnoses that.
func TestSnapshotGivesTheSameFindings(t *testing.T) {
	plugins := workshop(t)
	collected := Collect(t.Context(), plugins, soon)
	live := timeless(Judge(t.Context(), plugins, collected, options()))

	var file bytes.Buffer
	if err := FactsDocument(options().Target, collected, time.Now()).WriteJSON(&file); err != nil {
		t.Fatal(err)
	}
	snapshot, err := report.ReadSnapshot(&file)
	if err != nil {
		t.Fatal(err)
	}
	again := timeless(Judge(t.Context(), plugins, FromSnapshot(snapshot), options()))
	compact := cmp.Transformer("compact", func(raw json.RawMessage) string {
		var b bytes.Buffer
		if json.Compact(&b, raw) != nil {
			return string(raw)
		}
		return b.String()
	})
	if diff := cmp.Diff(live, again, compact); diff != "" {
		t.Errorf("(-live +snapshot):\n%s", diff)
	}
}

func TestDiagnoseAnEmptyMachine(t *testing.T) {
	d := Diagnose(t.Context(), nil, Options{})
	if ExitCode(d, false) != ExitHealthy || d.Summary.Worst != report.Healthy || d.Level != 1 {
		t.Errorf("got %+v", d)
	}
}

func TestDiagnoseKeepsToItsTime(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	r := &rogue{
		collect: func(context.Context) (*pluginv1.CollectResponse, error) { <-release; return nil, nil },
		check: func(context.Context, *pluginv1.CheckRequest) (*pluginv1.CheckResponse, error) {
			<-release
			return nil, nil
		},
	}
	p, _ := r.serve(t, "sleeper", []string{"x.y"}, []string{"gpu.a"})
	o := options()
	patiently(t, func(limit time.Duration) bool {
		o.Timeout = limit
		d := Diagnose(t.Context(), append(workshop(t), p), o)
		if ExitCode(d, false) != ExitTimeout || !d.Summary.TimedOut {
			t.Errorf("exit code %d, summary %+v", ExitCode(d, false), d.Summary)
		}
		return d.Summary.Errors > 0 // of the other plugins
	})
}

func TestExitCode(t *testing.T) {
	for _, tt := range []struct {
		what    string
		summary report.Summary
		late    bool
		want    int
	}{
		{"healthy", report.Summary{}, false, 0},
		{"notes and unknowns", report.Summary{Infos: 3, Unknown: 2}, false, 0},
		{"warnings", report.Summary{Warnings: 1, Unknown: 2}, false, 1},
		{"errors", report.Summary{Errors: 1, Warnings: 4}, false, 2},
		{"a plugin was late", report.Summary{Errors: 1, TimedOut: true}, false, 3},
		{"the caller was late", report.Summary{}, true, 3},
	} {
		if got := ExitCode(report.Doctor{Summary: tt.summary}, tt.late); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.what, got, tt.want)
		}
	}
}

func TestAreas(t *testing.T) {
	c := Checked{
		Findings: []report.Finding{
			{Code: "b.y", Area: "gpu", Severity: report.Error, Title: "Folded", RootCause: "r.r[1]"},
			{Code: "b.z", Area: "gpu", Severity: report.Error, Title: "Stands"},
			{Code: "c.z", Area: "docker", Severity: report.Warning, Title: "Only folded", RootCause: "r.r[1]"},
			{Code: "d.z", Area: "python", Severity: report.Unknown, Title: "Too new"},
			{Code: "e.z", Area: "system", Severity: report.Info, Title: "A note"},
		},
		areas: map[string]string{"z.ran": "zoo", "a.skip": "attic", "cuda.skip": "cuda", "require.p": PolicyArea},
		lost:  map[string]bool{}, declined: map[string]bool{"cuda.skip": true},
		Skipped: []report.Skip{{Code: "a.skip", Reason: "no reason"}, {Code: "cuda.skip", Reason: "not wanted here"}},
	}
	facts := machine(t, values{"cpu.count": 4, "cuda.toolkits": []values{{"version": "12.4", "path": "/c"}}})
	want := []report.Area{
		{Name: "gpu", Status: "error", Headline: "Stands, and 1 more"},
		{Name: "cuda", Status: "skipped", Headline: "not wanted here"},
		{Name: "python", Status: "unknown", Headline: "Too new"},
		{Name: "docker", Status: "warning", Headline: "Only folded (because of r.r)"},
		{Name: "system", Status: "info", Headline: "4 CPUs"},
		{Name: "attic", Status: "skipped", Headline: NothingFound},
		{Name: "zoo", Status: "healthy", Headline: "nothing wrong was found"},
		{Name: "policy", Status: "healthy", Headline: "1 of 1 hold"},
	}
	if diff := cmp.Diff(want, Areas(c, facts)); diff != "" {
		t.Error(diff)
	}
}
