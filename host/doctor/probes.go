// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Groups of the facts of probes; see package probe, which runs them. Keys are
// PREFIX/MODULE.
const (
	ProbeImportAddress = "probe.import"
	ProbeTensorAddress = "probe.tensor"
)

// ProbeImport is what importing a module in a fresh process gave.
type ProbeImport struct {
	Prefix string `json:"prefix"`
	Module string `json:"module"`
	OK     bool   `json:"ok"`
	// Error is the exception, or how the process ended.
	Error string `json:"error"`
	// Cause is the exception that led to Error, when it is another.
	Cause string `json:"cause"`
	// Path is the file that was imported, or would have been.
	Path string `json:"path"`
}

// ProbeTensor is what multiplying two matrices gave.
type ProbeTensor struct {
	Prefix string `json:"prefix"`
	Module string `json:"module"`
	OK     bool   `json:"ok"`
	Error  string `json:"error"`
	// GPU says whether the framework used a GPU.
	GPU bool `json:"gpu"`
}

// probed are the facts of probes that succeeded or failed; those that could not
// be run are in neither.
type probed struct {
	imports map[string]ProbeImport // by address
	tensors map[string]ProbeTensor
}

func probesOf(facts fact.Set) probed {
	return probed{imports: group[ProbeImport](facts, ProbeImportAddress), tensors: group[ProbeTensor](facts, ProbeTensorAddress)}
}

func group[T any](facts fact.Set, name string) map[string]T {
	out := map[string]T{}
	for _, key := range facts.Instances(name) {
		address := fact.At(name, key, "")
		if v, ok := fact.Get[T](facts, address); ok {
			out[address] = v
		}
	}
	return out
}

// subject is what the host's findings about a probe are about.
func subject(prefix, module string) string { return strings.TrimSuffix(prefix, "/") + "/" + module }

// verdict is what a finding says will happen: importing the modules with this
// interpreter fails, or, with gpu, using the GPU after it.
type verdict struct {
	python  string
	modules []string
	gpu     bool
}

// importing matches the commands that show that an import is mended, as
// `/opt/venv/bin/python -c "import torch"`; what follows the import is the
// third group.
var importing = pattern.Lazy(`^(?:env (?:-u \w+ )+)?'?([^'"]+?)'? -c "import ([\w.]+(?:, ?[\w.]+)*)((?:; ?.*)?)"$`)

// verdictOf reads a finding's verdict from the command that would show that it
// is gone: whatever it is called, it is wrong when that command succeeds.
func verdictOf(f report.Finding) (verdict, bool) {
	if f.Severity != report.Error {
		return verdict{}, false
	}
	for _, command := range f.Verify {
		m := importing().FindStringSubmatch(command)
		if m == nil {
			continue
		}
		v := verdict{python: m[1], modules: strings.Split(strings.ReplaceAll(m[2], " ", ""), ",")}
		v.gpu = strings.HasPrefix(strings.TrimSpace(strings.TrimPrefix(m[3], ";")), v.modules[0]+".cuda.init()")
		if m[3] == "" || v.gpu {
			return v, true
		}
	}
	return verdict{}, false
}

// about reports whether a verdict is about the environment of a probe.
func (v verdict) about(prefix string) bool {
	return strings.HasPrefix(v.python, strings.TrimSuffix(prefix, "/")+"/bin/") || strings.HasPrefix(v.python, strings.TrimSuffix(prefix, "/")+"/Scripts/")
}

// blame is what an exception names as its cause.
type blame struct {
	// words says it in a clause, for a title.
	words string
	// name is the library, symbol, version or module.
	name string
}

// blames read the errors of the dynamic loader and of Python's import. The
// formats are those of glibc's elf/dl-*.c and of CPython's importlib.
var blames = []struct {
	form  func() *regexp.Regexp
	words string
}{
	{pattern.Lazy(`(\S+): cannot open shared object file`), "the library %s is missing"},
	{pattern.Lazy("version [`'](\\S+)' not found"), "a library lacks the version %s"},
	{pattern.Lazy(`undefined symbol: ([^\s,]+)`), "the symbol %s is defined nowhere"},
	{pattern.Lazy(`No module named ['"]([^'"]+)['"]`), "the module %s is not installed"},
	{pattern.Lazy(`cannot import name ['"]([^'"]+)['"]`), "the name %s is not there"},
	{pattern.Lazy(`(\S+): (?:invalid ELF header|file too short|wrong ELF class\S*)`), "the library %s is damaged"},
	{pattern.Lazy(`(\S+\.dylib)`), "the library %s is missing"},
}

// blameOf finds what an import failed of. The cause goes before the error: it is
// nearer to what broke.
func blameOf(p ProbeImport) blame {
	for _, text := range []string{p.Cause, p.Error} {
		for _, b := range blames {
			if m := b.form().FindStringSubmatch(text); m != nil {
				return blame{words: fmt.Sprintf(b.words, bounded(baseName(m[1]), 100)), name: baseName(m[1])}
			}
		}
	}
	line, _, _ := strings.Cut(report.Clean(p.Error), "\n")
	return blame{words: bounded(report.CleanLine(line), 100)}
}

// baseName is the last part of a path; a symbol or a module has no other.
func baseName(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// inconclusive reports an end that the limits of the probe may have caused.
func inconclusive(p ProbeImport) bool {
	for _, end := range []string{"it did not end in time", "it was ended for its use of", "it was ended for the system call"} {
		if strings.HasPrefix(p.Error, end) {
			return true
		}
	}
	return false
}
