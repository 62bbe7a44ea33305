// SPDX-License-Identifier: Apache-2.0

package pythonsdk_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

func long(t *testing.T) {
	t.Helper()
	if os.Getenv("BULKHEAD_LONG_TESTS") == "" {
		t.Skip("set BULKHEAD_LONG_TESTS=1 to make an environment from PyPI")
	}
}

// workplace is a directory outside of /tmp, where every sandbox has its scratch.
func workplace(t *testing.T) string {
	t.Helper()
	base := ""
	if runtime.GOOS == "linux" {
		base = "/var/tmp"
	}
	dir, err := os.MkdirTemp(base, "python-sdk-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// generate.sh gives the committed bytes.
func TestGenerate(t *testing.T) {
	long(t)
	python(t, "import venv")
	dir := t.TempDir()
	run(t, sdk, "./generate.sh", dir)
	for _, kind := range []string{"schema", "plugin", "doctor", "kernel"} {
		for _, ending := range []string{".py", ".pyi"} {
			name := "plugin/v1/" + kind + "_pb2" + ending
			if read(t, dir+"/bulkhead/"+name) != read(t, source+name) {
				t.Errorf("%s is not what generate.sh gives", name)
			}
		}
	}
}

// The SDK as its users get it: built, installed, and under the host.
func TestUnderTheHost(t *testing.T) {
	long(t)
	dir := workplace(t)
	venv := install(t, dir)
	t.Run("units", func(t *testing.T) { units(t, interpreterOf(venv), "") })
	host := buildHost(t, dir)
	kernel := place(t, dir, venv, "hello-python-kernel", "hello_kernel.py")
	check := place(t, dir, venv, "hello-python-check", "hello_check.py")
	t.Run("contract", func(t *testing.T) {
		contract(t, host, kernel, 24)
		contract(t, host, check, 12)
	})
	t.Run("packed", func(t *testing.T) { contract(t, host, pack(t, dir, venv), 24) })
	t.Run("describe", func(t *testing.T) {
		out := run(t, dir, host, "plugin", "describe", kernel)
		if !strings.Contains(out, "hello-python-kernel 0.1.0 (SDK "+version.Version+")") || !strings.Contains(out, "least_rows") {
			t.Error(out)
		}
	})
	t.Run("pipeline", func(t *testing.T) { pipeline(t, dir, host, kernel) })
	t.Run("files", func(t *testing.T) { files(t, dir, venv, host) })
	t.Run("doctor", func(t *testing.T) { doctor(t, dir, host, check) })
}

// install builds both distributions and installs the wheel into a new environment.
func install(t *testing.T, dir string) string {
	t.Helper()
	venv, tree, dist := filepath.Join(dir, "venv"), filepath.Join(dir, "tree"), filepath.Join(dir, "dist")
	if err := os.CopyFS(tree, os.DirFS(filepath.FromSlash(sdk))); err != nil { // a build writes into its tree
		t.Fatal(err)
	}
	run(t, dir, python(t, "import venv"), "-m", "venv", venv)
	pip := []string{interpreterOf(venv), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"}
	run(t, dir, append(pip, "build")...)
	run(t, dir, interpreterOf(venv), "-m", "build", "--outdir", dist, tree)
	wheel := filepath.Join(dist, "bulkhead-"+version.Version+"-py3-none-any.whl")
	if _, err := os.Stat(filepath.Join(dist, "bulkhead-"+version.Version+".tar.gz")); err != nil {
		t.Error(err)
	}
	listed := run(t, dir, interpreterOf(venv), "-m", "zipfile", "-l", wheel)
	for _, want := range []string{"bulkhead/py.typed", "bulkhead/plugin/v1/kernel_pb2.pyi", "licenses/LICENSE"} {
		if !strings.Contains(listed, want) {
			t.Errorf("the wheel has no %s", want)
		}
	}
	run(t, dir, append(pip, wheel+"[kernels]")...)
	return venv
}

// buildHost builds the host and the plugin that reads tables.
func buildHost(t *testing.T, dir string) string {
	t.Helper()
	bin := filepath.Join(dir, "bin")
	tables := filepath.Join(bin, "plugins", "tables")
	if err := os.MkdirAll(tables, 0o755); err != nil {
		t.Fatal(err)
	}
	executable := filepath.Join(tables, "bulkhead-plugin-tables")
	run(t, repo, "go", "build", "-o", filepath.Join(bin, "bulkhead"), "./host/cmd/bulkhead")
	run(t, repo, "go", "build", "-tags", "grpcnotrace", "-o", executable, "./plugins/builtin-tables")
	run(t, repo, "go", "run", "./registry/cmd/stamp", "plugins/builtin-tables/manifest.json", executable)
	return filepath.Join(bin, "bulkhead")
}

// place puts an example beside the environment, as a user would, and returns the
// script.
func place(t *testing.T, dir, venv, example, script string) string {
	t.Helper()
	at := filepath.Join(dir, example)
	if err := os.CopyFS(at, os.DirFS(filepath.FromSlash(examples+example))); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(venv, filepath.Join(at, ".venv")); err != nil {
		t.Skip(err)
	}
	return filepath.Join(at, script)
}

// pack puts an example beside all that it needs, for an interpreter that has nothing.
func pack(t *testing.T, dir, venv string) string {
	t.Helper()
	at := filepath.Join(dir, "packed")
	if err := os.CopyFS(at, os.DirFS(filepath.FromSlash(examples+"hello-python-kernel"))); err != nil {
		t.Fatal(err)
	}
	wheel := filepath.Join(dir, "dist", "bulkhead-"+version.Version+"-py3-none-any.whl")
	run(t, at, interpreterOf(venv), "-m", "venv", "--without-pip", ".venv")
	run(t, at, interpreterOf(venv), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", "site-packages", wheel+"[kernels]")
	if out, err := try(t, at, interpreterOf(filepath.Join(at, ".venv")), "-c", "import grpc"); err == nil {
		t.Errorf("the environment is not bare: %s", out)
	}
	return filepath.Join(at, "hello_kernel.py")
}

var counts = regexp.MustCompile(`(\d+) passed, (\d+) failed, (\d+) skipped`)

// contract runs the suite: nothing fails, and most of it passes.
func contract(t *testing.T, host, script string, least int) {
	t.Helper()
	out, err := try(t, filepath.Dir(script), host, "plugin", "test", script)
	m := counts.FindStringSubmatch(out)
	if err != nil || m == nil || m[2] != "0" || strings.Count(out, "\npassed ")+1 < least {
		t.Errorf("%s: %v\n%s", filepath.Base(script), err, out)
		return
	}
	t.Logf("%s: %s", filepath.Base(script), m[0])
}

// pipeline centres a column: its rows go through the kernel, and are right.
func pipeline(t *testing.T, dir, host, kernel string) {
	config := `plugin "hello-python-kernel" {
  source = ` + quote(kernel) + `
}
pipeline "p" {
  source "rows" {
    csv = "rows.csv"
  }
  kernel "centre" {
    use   = hello-python-kernel.centre
    input = source.rows
    config {
      least_rows = 2
    }
  }
  sink "out" {
    input = kernel.centre
    csv   = "out.csv"
  }
}
`
	write(t, filepath.Join(dir, "bulkhead.hcl"), config)
	write(t, filepath.Join(dir, "rows.csv"), "x,word\n1.5,a\n2.5,b\n5.0,c\n")
	out := run(t, dir, host, "run")
	if got := read(t, filepath.Join(dir, "out.csv")); got != "x,word\n-1.5,a\n-0.5,b\n2,c\n" {
		t.Errorf("the sink has %q\n%s", got, out)
	}
	write(t, filepath.Join(dir, "bulkhead.hcl"), strings.Replace(config, "= 2", "= 9", 1))
	out, err := try(t, dir, host, "run")
	if err == nil || !strings.Contains(out, "Too few rows") || !strings.Contains(out, "least_rows = 9") {
		t.Errorf("a refusal does not show the user's line: %v\n%s", err, out)
	}
}

// files reads and writes Parquet with kernels in Python, which get the files by their
// descriptors: no sandbox level shows them by their names.
func files(t *testing.T, dir, venv, host string) {
	script := place(t, dir, venv, "hello-python-tables", "hello_tables.py")
	contract(t, host, script, 15)
	at := filepath.Dir(script)
	const step = `plugin "tables" {
  source = "./hello_tables.py"
}
pipeline "p" {
  source "rows" {
    IN
  }
  sink "out" {
    input = source.rows
    OUT
  }
}
`
	write(t, filepath.Join(at, "first.csv"), "x,word\n1.5,a\n2.5,b\n")
	for _, c := range [][2]string{{`csv = "first.csv"`, `parquet = "rows.parquet"`}, {`parquet = "rows.parquet"`, `parquet = "again.parquet"`}, {`parquet = "again.parquet"`, `csv = "last.csv"`}} {
		write(t, filepath.Join(at, "bulkhead.hcl"), strings.NewReplacer("IN", c[0], "OUT", c[1]).Replace(step))
		run(t, at, host, "run")
	}
	if got := read(t, filepath.Join(at, "last.csv")); got != "x,word\n1.5,a\n2.5,b\n" {
		t.Errorf("%q comes back", got)
	}
	write(t, filepath.Join(at, "again.parquet"), "PAR1 and no more")
	if out, err := try(t, at, host, "run"); err == nil || !strings.Contains(out, "Not a Parquet file") {
		t.Errorf("a broken file: %v\n%s", err, out)
	}
}

// doctor runs the check over the facts of another plugin.
func doctor(t *testing.T, dir, host, check string) {
	config := filepath.Join(dir, "doctor.hcl")
	write(t, config, "plugin \"hello-python-check\" {\n  source = "+quote(check)+"\n}\n")
	out, err := try(t, dir, host, "doctor", "--json", "-c", config)
	if exit := (*exec.ExitError)(nil); err != nil && !asExit(err, &exit) {
		t.Fatal(err)
	}
	if !strings.Contains(out, "hello.few-cpus") {
		t.Errorf("the check is neither run nor skipped:\n%s", out)
	}
}

func asExit(err error, to **exec.ExitError) bool {
	e, ok := errors.AsType[*exec.ExitError](err)
	*to = e
	return ok && e.ExitCode() <= 2
}

func quote(s string) string {
	data, _ := json.Marshal(s)
	return string(data)
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
