// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"context"
	_ "embed" // the scripts
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/bulkhead-ml/bulkhead/host/plugin"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

//go:embed import.py
var importScript string

//go:embed driver.py
var driverScript string

// RunPython runs code with an interpreter of this machine, as a probe does: in a
// sandbox, without network, until it ends or ctx does. It returns what the code
// writes to descriptor 3.
func RunPython(ctx context.Context, python, code string, args []string, o Options) ([]byte, error) {
	out, err := script{python: python, code: code, args: args}.run(ctx, &o)
	if err == nil && (out.deadline || out.exit.Code != 0 || out.exit.Signal != 0) {
		err = errors.New(out.died())
	}
	return out.answer, err
}

// script runs Python code in an environment.
type script struct {
	python  string // path of the interpreter
	code    string
	args    []string
	project string // granted when it is not empty
}

// importing is the probe of one module in one environment.
func importing(prefix, python, module, project string) func(context.Context, *Options) []fact.Fact {
	return func(ctx context.Context, o *Options) []fact.Fact {
		key := prefix + "/" + module
		at, tensorAt := fact.At(ImportAddress, key, ""), fact.At(TensorAddress, key, "")
		s := script{python: python, code: importScript, args: []string{module, project}, project: project}
		out, err := s.run(ctx, o)
		if err != nil {
			return []fact.Fact{unknown(at, err.Error())}
		}
		return imported(prefix, module, at, tensorAt, out)
	}
}

// answer is what an import tells, in one object or more, as it gets on: a crash in
// the product takes nothing from the import before it.
type answer struct {
	Import *struct {
		Import
		// Refused says that the system refused something as a sandbox does.
		Refused bool `json:"refused"`
		// Multiplies says that a product comes next.
		Multiplies bool `json:"multiplies"`
	} `json:"import"`
	Tensor *Tensor `json:"tensor"`
}

// parseAnswer reads what was told until it makes no sense.
func parseAnswer(text []byte) (a answer) {
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		var part answer
		if d.Decode(&part) != nil {
			return a
		}
		if a.Import == nil {
			a.Import = part.Import
		}
		if a.Import != nil && a.Tensor == nil {
			a.Tensor = part.Tensor
		}
	}
}

// imported turns an outcome into facts.
func imported(prefix, module, at, tensorAt string, out outcome) []fact.Fact {
	a := parseAnswer(out.answer)
	i := Import{Error: out.died()}
	if a.Import != nil {
		i = a.Import.Import
	}
	i.Prefix, i.Module, i.PeakBytes = prefix, module, out.exit.PeakBytes
	i.Error, i.Cause, i.Path, i.Version = clean(i.Error), clean(i.Cause), clean(i.Path), clean(i.Version)
	if a.Import != nil && a.Import.Refused && !i.OK {
		return []fact.Fact{unknown(at, "the sandbox may have refused what the import wanted: "+i.Error)}
	}
	call := fmt.Sprintf("import %s in %s", module, prefix)
	facts := []fact.Fact{known(at, i, call, firstOf(i.Error, "ok"))}
	if a.Import != nil && i.OK && a.Import.Multiplies {
		facts = append(facts, multiplied(prefix, module, tensorAt, a.Tensor, out))
	}
	return facts
}

// multiplied is the fact about the product. What the limits of the probe ended
// says nothing about the framework.
func multiplied(prefix, module, at string, t *Tensor, out outcome) fact.Fact {
	switch {
	case t == nil && (out.deadline || out.exit.OutOfMemory || out.exit.Exceeded != "" || out.exit.Call != ""):
		return unknown(at, out.died())
	case t == nil:
		t = &Tensor{Error: out.died()}
	}
	t.Prefix, t.Module = prefix, module
	t.Error, t.Device, t.GPUError = clean(t.Error), clean(t.Device), clean(t.GPUError)
	return known(at, t, "product of two matrices with "+module, firstOf(t.Error, t.Device))
}

// driver is the probe of NVML and CUDA's driver library.
func driver(python string) func(context.Context, *Options) []fact.Fact {
	return func(ctx context.Context, o *Options) []fact.Fact {
		out, err := script{python: python, code: driverScript}.run(ctx, o)
		if err != nil {
			return []fact.Fact{unknown(DriverAddress, err.Error())}
		}
		var d Driver
		if err := json.Unmarshal(out.answer, &d); err != nil {
			return []fact.Fact{unknown(DriverAddress, out.died())}
		}
		for _, l := range []*Library{&d.NVML, &d.CUDA} {
			l.Error, l.Version = clean(l.Error), clean(l.Version)
		}
		return []fact.Fact{known(DriverAddress, d, "nvmlInit_v2, cuInit", firstOf(d.NVML.Error, d.CUDA.Error, "ok"))}
	}
}

// run starts the interpreter in a sandbox.
func (s script) run(ctx context.Context, o *Options) (outcome, error) {
	interpreter, err := plugin.FindPython(s.python)
	if err != nil {
		return outcome{}, err
	}
	exe, err := os.Open(interpreter.Path)
	if err != nil {
		return outcome{}, err
	}
	defer exe.Close()
	spec := sandbox.Spec{
		Exe: exe, Args: slices.Concat([]string{interpreter.Path, "-B", "-c", s.code}, s.args),
		Env: s.environment(o, interpreter), DirEnv: caches, Binds: s.binds(o, interpreter),
		Proc: true, Identity: sandbox.SameUID, Limits: frameworkLimits(), Floor: o.Floor,
	}
	stayInPlace(&spec)
	return launch(ctx, spec)
}

// stayInPlace lowers the level where something lies where a private root has its
// scratch. Python finds an environment by its own path only, so one in /tmp is
// tried behind walls that leave files in their places, where targets count for
// nothing.
func stayInPlace(spec *sandbox.Spec) {
	for i := range spec.Binds {
		if b := &spec.Binds[i]; covered(b.Source, []string{sandbox.ScratchDir}) {
			spec.Ceiling, b.Target = sandbox.WallsOnly, "/in-place"+b.Source
		}
	}
}

// maxMemory of an import, in bytes.
const maxMemory = 16 << 30

// frameworkLimits are wide: an import of torch maps tens of gigabytes for CUDA
// and starts a thread for each processor. It gets no more than half of the
// machine's memory, so that the work that runs beside it stays.
func frameworkLimits() sandbox.Limits {
	memory := uint64(maxMemory)
	if half := machineMemory() / 2; half > 0 {
		memory = min(memory, half)
	}
	return sandbox.Limits{
		DataBytes: memory, AddressSpaceBytes: sandbox.Unlimited, GroupMemoryBytes: memory, FileBytes: 256 << 20,
		OpenFiles: 4096, Processes: 4096, ScratchBytes: 256 << 20, ScratchInodes: 1 << 16,
	}
}
