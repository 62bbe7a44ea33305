// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	_ "embed" // the scripts
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/probe"
)

//go:embed gemm.py
var gemmScript string

//go:embed copy.py
var copyScript string

// importScript says how long an import took.
const importScript = `import importlib, json, os, sys, time
start = time.perf_counter()
try:
    importlib.import_module(sys.argv[1])
except BaseException as error:
    print("%s: %s" % (type(error).__name__, error), file=sys.stderr)
    os._exit(1)
os.write(3, json.dumps([time.perf_counter() - start]).encode())
os._exit(0)
`

// scriptTime bounds one run of a script.
const scriptTime = 3 * time.Minute

// Environment are the benchmarks of a Python environment with these modules.
func Environment(prefix, python string, modules []string) []Benchmark {
	var out []Benchmark
	for _, m := range modules {
		key := "[" + prefix + "/" + m + "]"
		out = append(out, Benchmark{
			Name: "import" + key, Unit: "s", Lower: true, Title: fmt.Sprintf("import of %s in %s", m, prefix),
			prepare: func(_ context.Context, o *Options) (func(context.Context) (float64, error), func(), error) {
				return func(ctx context.Context) (float64, error) {
					samples, err := runScript(ctx, o, python, importScript, m)
					if err != nil {
						return 0, err
					}
					return samples[0], nil
				}, nil, nil
			},
		})
		if m == "numpy" || m == "torch" {
			out = append(out, Benchmark{
				Name: "gemm" + key, Unit: "GFLOP/s", Title: fmt.Sprintf("product of two matrices by %s in %s", m, prefix),
				prepare: scripted(python, gemmScript, 1e9, m, "cpu"),
			})
		}
	}
	return out
}

// GPU are the benchmarks of the first GPU. The copies need an interpreter only,
// the product one whose environment has torch.
func GPU(prefix, python string, torch bool) []Benchmark {
	var out []Benchmark
	for _, kind := range []string{"copy", "upload", "download"} {
		out = append(out, Benchmark{
			Name: "gpu." + kind, Unit: "GB/s", Title: kind + " of memory by the GPU", prepare: scripted(python, copyScript, 1e9, kind),
		})
	}
	if torch {
		out = append(out, Benchmark{
			Name: "gpu.gemm[" + prefix + "/torch]", Unit: "TFLOP/s", Title: "product of two matrices on the GPU",
			prepare: scripted(python, gemmScript, 1e12, "torch", "gpu"),
		})
	}
	return out
}

// scripted prepares a benchmark whose script does all rounds in one process: what
// it needs is made once, and a process start is not measured.
func scripted(python, code string, scale float64, args ...string) func(context.Context, *Options) (func(context.Context) (float64, error), func(), error) {
	return func(ctx context.Context, o *Options) (func(context.Context) (float64, error), func(), error) {
		n, budget := o.rounds(), o.budget()
		samples, err := runScript(ctx, o, python, code, append(args, strconv.Itoa(n+1), strconv.FormatFloat(budget.Seconds(), 'f', 1, 64))...)
		if err != nil {
			return nil, nil, err
		}
		next := 0
		return func(context.Context) (float64, error) {
			if next == len(samples) {
				return 0, errEnough
			}
			next++
			return samples[next-1] / scale, nil
		}, nil, nil
	}
}

func runScript(ctx context.Context, o *Options, python, code string, args ...string) ([]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, scriptTime)
	defer cancel()
	answer, err := probe.RunPython(ctx, python, code, args, o.Probe)
	if err != nil {
		return nil, err
	}
	var samples []float64
	if err := json.Unmarshal(answer, &samples); err != nil || !measured(samples) {
		return nil, fmt.Errorf("the script gave no samples: %.80q", answer)
	}
	return samples, nil
}
