// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"slices"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/dist"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/locate"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

func TestCondaName(t *testing.T) {
	for file, want := range map[string][2]string{
		"numpy-1.26.4-py311h64a7726_0.json":       {"numpy", "1.26.4"},
		"scikit-learn-1.5.0-py311he08f58d_1.json": {"scikit-learn", "1.5.0"},
		"history": {}, "x.json": {}, "a-b.json": {}, "-1-2.json": {},
	} {
		name, version, ok := condaName(file)
		if name != want[0] || version != want[1] || ok != (want[0] != "") {
			t.Errorf("condaName(%s) = %s, %s, %v", file, name, version, ok)
		}
	}
}

// TestNeedsExtra: the short cut agrees with the parser, which it only spares.
func TestNeedsExtra(t *testing.T) {
	for line, want := range map[string]bool{
		`pytest; extra == "dev"`:                     true,
		`pytest ; extra=='dev'`:                      true,
		`a; python_version < "3.9" and extra == "x"`: true,
		`a; (extra == "x")`:                          true,
		`a; extra == "x" or os_name == "posix"`:      false,
		`a; extra == ""`:                             false,
		`a; extra != "x"`:                            false,
		`a; os_name == "posix"`:                      false,
		`a`:                                          false,
		`a @ https://example.org/a;extra==x ; os_name == "nt"`: false,
	} {
		if got := needsExtra(line); got != want {
			t.Errorf("needsExtra(%s) = %v", line, got)
		}
	}
}

func TestMarkerEnvironments(t *testing.T) {
	for _, c := range []struct {
		os, arch, version, machine, platform string
		micros                               []string
	}{
		{"linux", "amd64", "3.11.7", "x86_64", "linux", []string{"3.11.7"}},
		{"linux", "arm64", "3.11", "aarch64", "linux", []string{"3.11.0", "3.11.99"}},
		{"darwin", "arm64", "3.12.1", "arm64", "darwin", []string{"3.12.1"}},
		{"windows", "amd64", "3.12.1", "AMD64", "win32", []string{"3.12.1"}},
		{"linux", "amd64", "", "", "", nil},
	} {
		envs := markerEnvironments(&fact.Target{OS: c.os, Arch: c.arch}, &locate.Env{Version: c.version, Implementation: "CPython"})
		var micros []string
		for _, e := range envs {
			micros = append(micros, e["python_full_version"])
			if e["platform_machine"] != c.machine || e["sys_platform"] != c.platform || e["implementation_name"] != "cpython" {
				t.Errorf("%s/%s: %v", c.os, c.arch, e)
			}
		}
		if !slices.Equal(micros, c.micros) {
			t.Errorf("%s: micro versions %q, want %q", c.version, micros, c.micros)
		}
	}
}

func TestEscapeGlob(t *testing.T) {
	if got := escapeGlob(`/a[1]/b*?`); got != `/a\[1]/b\*\?` {
		t.Error(got)
	}
}

func TestIsTorchSymbol(t *testing.T) {
	for symbol, want := range map[string]bool{
		"_ZN3c104cuda9SetDeviceEi": true, "_ZNK2at10TensorBase8data_ptrIfEEPT_v": true, "_ZTVN5torch8autograd4NodeE": true,
		"_ZN6caffe28TypeMeta": true, "aoti_torch_empty": true, "THPVariableClass": true,
		"_ZN4mine3fooEv": false, "_ZNSt6vectorIN3c106DeviceEE": false, "_Z3foov": false, "PyList_New": false, "": false, "_Z": false,
	} {
		if got := isTorchSymbol([]byte(symbol)); got != want {
			t.Errorf("isTorchSymbol(%s) = %v", symbol, got)
		}
	}
}

func TestRequiresTorch(t *testing.T) {
	for line, want := range map[string]bool{
		"torch": true, "torch>=2.0": true, "Torch (==2.5.1)": true, "torch[opt]; python_version > '3'": true, "torch @ https://x/y.whl": true,
		"torchvision": false, "pytorch-lightning": false, "": false,
	} {
		d := dist.Distribution{Metadata: dist.Metadata{RequiresDist: []string{line}}}
		if got := requiresTorch(&d); got != want {
			t.Errorf("requiresTorch(%s) = %v", line, got)
		}
	}
}
