// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/collect"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// richFacts are the facts of a machine on which nearly every check has
// something to look at.
func richFacts(t testing.TB) []fact.Fact {
	m := &machine{Tree: fakeenv.New(t)}
	m.site = m.Venv(env, "3.11.7")
	a100(m)
	m.cudaTorch("nvidia-nccl-cu12==2.21.5", "triton==3.2.0")
	m.bitsandbytes("", "118")
	m.onnxruntimeGPU("1.22.0")
	m.tensorflow("tensorflow", true)
	m.dist("deepspeed", "0.16.0", "torch>=2")
	m.dist("numpy", "2.1.0")
	m.dist("pandas", "2.0.3", "numpy<2")
	m.dist("torchvision", "0.20.0+cu121", "torch==2.5.0")
	m.files("keras", "3.6.0", nil, map[string]string{"keras/__init__.py": ""})
	m.files("xformers", "0.0.20", []string{"torch==2.5.1"}, map[string]string{"xformers/__init__.py": "", "xformers/cpp_lib.json": `{"version": {"cuda": 1208, "torch": "2.5.1"}}`})
	m.dist("protobuf", "5.29.5")
	m.files("onnx", "1.18.0", []string{"protobuf"}, map[string]string{"onnx/__init__.py": "", "onnx/onnx_pb2.py": validates("6.31.1")})
	m.Target.ProjectDir = "/srv/app"
	m.Text("/srv/app/requirements.txt", "torch==2.5.1\n")
	m.Text(env+"/conda-meta/scipy-1.13.0-py311_0.json", "{}")
	m.shell()
	m.Target.Env["BNB_CUDA_VERSION"] = "117"
	m.know(cudaToolkits, []toolkit{{"/usr/local/cuda", "11.8"}})
	m.inEnv(observed.TorchABI, []observed.ABIMiss{{Distribution: "a", Path: "/a.so", Symbol: "_ZN2at1xE", Count: 3}})
	m.inEnv(observed.UndefinedSymbols, []observed.UndefinedSymbol{{Symbol: "s", Version: "v", NeededBy: "/a", Library: "/b", Owner: "c", Provider: "d"}})
	m.inEnv(observed.PythonPath, []observed.PythonPathEntry{{Path: "/p", Exists: true, Versions: []string{"3.8"}, Example: "/p/x"}})
	m.inEnv(observed.WrongTags, []observed.WrongTag{{Distribution: "d", Version: "1", Path: "/d", Tags: []string{"t"}, Interpreter: "i"}})
	m.know(observed.Kernels, []observed.Kernel{{Name: "python3", Path: "/k", Interpreter: "/p", Resolved: "/p", State: "missing", Prefix: "/x", Environment: "/y"}})
	m.know(observed.Editors, []observed.EditorInterpreter{{Editor: "VS Code", Path: "/s", Line: 3, Setting: "x", Value: "v", Resolved: "/v", State: "missing"}})
	facts, diags := fact.Observe(t.Context(), m.Target, collect.Environments)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	return append(facts, m.facts...)
}

// mustSurvive runs every check; none may fail, and no command that is shown may
// run what a fact smuggles in.
func mustSurvive(t *testing.T, what string, facts []fact.Fact) {
	t.Helper()
	for _, o := range check.Run(t.Context(), fact.NewSet(facts), All(), nil) {
		if o.Status == pluginv1.CheckOutcome_STATUS_FAILED {
			t.Errorf("%s: check %s failed: %.400s", what, o.Code, o.Reason)
		}
		for _, f := range o.Findings {
			for _, line := range commands(f) {
				if strings.Contains(unquoted(line), "rm -rf") {
					t.Errorf("%s: %s would run %s", what, o.Code, line)
				}
			}
		}
	}
}

func commands(f check.Finding) []string {
	lines := append([]string{}, f.Verify...)
	for _, r := range f.Remedies {
		lines = append(lines, r.Preview...)
	}
	return lines
}

// unquoted is what a shell reads of a line outside of quotes.
func unquoted(line string) string {
	var out strings.Builder
	quote := rune(0)
	escaped := false
	for _, c := range line {
		switch {
		case escaped:
			escaped = false
		case c == '\\' && quote == 0:
			escaped = true
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case c == quote:
			quote = 0
		case quote == 0 && c == '#' && strings.HasSuffix(out.String(), " "):
			return out.String()
		case quote == 0 || quote == '"' && strings.Contains(line, "$("): // commands are run in double quotes too
			out.WriteRune(c)
		}
	}
	return out.String()
}

var hostileStrings = []string{
	"", "\x00", "\xff\xfe", strings.Repeat("9", 400), "-1", "../../..", "'; rm -rf ~ #", "x; rm -rf ~", "12.4; rm -rf ~", "12.4$(rm -rf ~)", `"; rm -rf ~ #`, "2.6.0; rm -rf ~", "2.6.0+cu124 rm -rf", "3.11; rm -rf ~", strings.Repeat("a.", 300), "%s%d", "12.", ".12", "3", "!", "=", "cu",
}

var hostileValues = []any{
	nil, true, -1, 1e300, "", "x", []any{}, []any{nil}, []any{[]any{}}, []any{map[string]any{}}, map[string]any{}, map[string]any{"x": nil},
	[]any{"\x00"}, []any{map[string]any{"name": nil, "version": 3, "requires": "x"}},
}

// TestHostileFacts: a recorded machine may claim any value at any address.
func TestHostileFacts(t *testing.T) {
	facts := richFacts(t)
	for i := range facts {
		for j, value := range hostileValues {
			changed := append([]fact.Fact{}, facts...)
			raw, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			changed[i].Value = raw
			mustSurvive(t, fmt.Sprintf("%s = hostile %d", facts[i].Address, j), changed)
		}
	}
}

// TestHostileStrings: every string of every fact is replaced in turn by each of
// the hostile ones, with the shape kept.
func TestHostileStrings(t *testing.T) {
	facts := richFacts(t)
	for _, bad := range hostileStrings {
		changed := append([]fact.Fact{}, facts...)
		for i := range changed {
			var value any
			if json.Unmarshal(changed[i].Value, &value) != nil {
				continue
			}
			raw, err := json.Marshal(replaced(value, bad))
			if err != nil {
				t.Fatal(err)
			}
			one := append([]fact.Fact{}, facts...)
			one[i].Value = raw
			mustSurvive(t, fmt.Sprintf("%s with %.20q", facts[i].Address, bad), one)
			if facts[i].Address != observed.Envs {
				changed[i].Value = raw
			}
		}
		mustSurvive(t, fmt.Sprintf("all with %.20q", bad), changed)
	}
}

// TestHostileFields: one field of all rows of one fact at a time, so that the
// others still make sense and the finding is made.
func TestHostileFields(t *testing.T) {
	facts := richFacts(t)
	for i := range facts {
		keys := map[string]bool{}
		collectKeys(facts[i].Value, keys)
		for key := range keys {
			for _, bad := range []string{"x; rm -rf ~", "12.4; rm -rf ~", "$(rm -rf ~)", `"; rm -rf ~ #`, "/a'; rm -rf ~ #"} {
				var value any
				if json.Unmarshal(facts[i].Value, &value) != nil {
					continue
				}
				raw, err := json.Marshal(replacedKey(value, key, bad))
				if err != nil {
					t.Fatal(err)
				}
				one := append([]fact.Fact{}, facts...)
				one[i].Value = raw
				mustSurvive(t, fmt.Sprintf("%s.%s with %.20q", facts[i].Address, key, bad), one)
			}
		}
	}
}

func collectKeys(raw json.RawMessage, keys map[string]bool) {
	var rows []map[string]json.RawMessage
	var row map[string]json.RawMessage
	if json.Unmarshal(raw, &rows) != nil && json.Unmarshal(raw, &row) == nil {
		rows = append(rows, row)
	}
	for _, r := range rows {
		for k := range r {
			keys[k] = true
		}
	}
}

func replacedKey(value any, key, by string) any {
	switch v := value.(type) {
	case []any:
		for i := range v {
			v[i] = replacedKey(v[i], key, by)
		}
	case map[string]any:
		if old, ok := v[key]; ok {
			v[key] = replaced(old, by)
		}
	}
	return value
}

func replaced(value any, by string) any {
	switch v := value.(type) {
	case string:
		return by
	case []any:
		for i := range v {
			v[i] = replaced(v[i], by)
		}
	case map[string]any:
		for k := range v {
			v[k] = replaced(v[k], by)
		}
	}
	return value
}

// FuzzFacts: any JSON at the addresses of this plugin's own lists.
func FuzzFacts(f *testing.F) {
	addresses := []string{
		observed.Kernels, observed.Editors, observed.Asked, observed.Variables, observed.Compilers, cudaToolkits, cudaHome, "gpu.devices",
		observed.At(env, observed.Frameworks), observed.At(env, observed.TorchABI), observed.At(env, observed.UndefinedSymbols),
		observed.At(env, observed.Generated), observed.At(env, observed.PythonPath), observed.At(env, observed.WrongTags),
		observed.At(env, observed.Packages), observed.At(env, observed.Torch), observed.At(env, observed.Conda), observed.At(env, observed.Loads),
	}
	facts := richFacts(f)
	for i, a := range addresses {
		for _, known := range facts {
			if known.Address == a {
				f.Add(i, []byte(known.Value))
			}
		}
	}
	f.Fuzz(func(t *testing.T, which int, raw []byte) {
		if !json.Valid(raw) || which < 0 {
			return
		}
		address := addresses[which%len(addresses)]
		changed := append([]fact.Fact{}, facts...)
		for i := range changed {
			if changed[i].Address == address {
				changed[i].Value = raw
			}
		}
		mustSurvive(t, address, changed)
	})
}
