// SPDX-License-Identifier: Apache-2.0

package elfdeps_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/elfdeps"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
)

const jitVersion = "libnvJitLink.so.12"

// cusparse wants a versioned symbol of nvJitLink, as the published library does.
var cusparse = fakeenv.Library{
	Soname: "libcusparse.so.12", Needed: []string{"libnvJitLink.so.12", "libc.so.6"}, RunPath: "$ORIGIN/../../nvjitlink/lib",
	Wants: map[string][]string{"libnvJitLink.so.12": {jitVersion}, "libc.so.6": {"GLIBC_2.17"}},
	Uses:  []string{"memcpy@GLIBC_2.17", "__nvJitLinkComplete_12_4@" + jitVersion},
}

func jitLink(symbols ...string) fakeenv.Library {
	l := fakeenv.Library{Soname: "libnvJitLink.so.12", Offers: []string{jitVersion}}
	for _, s := range symbols {
		l.Defines = append(l.Defines, s+"@"+jitVersion)
	}
	return l
}

// lackingCases are closures with and without a symbol that nothing defines;
// want is "symbol version library" of each.
var lackingCases = []struct {
	name    string
	library string // LD_LIBRARY_PATH
	build   func(tr *fakeenv.Tree)
	want    []string
}{
	{"the bundled library has the symbol", "", func(tr *fakeenv.Tree) {
		tr.File("/env/nvidia/nvjitlink/lib/libnvJitLink.so.12", jitLink("__nvJitLinkComplete_12_4").Bytes())
	}, nil},
	{"the bundled library is older", "", func(tr *fakeenv.Tree) {
		tr.File("/env/nvidia/nvjitlink/lib/libnvJitLink.so.12", jitLink("__nvJitLinkComplete_12_1").Bytes())
	}, []string{"__nvJitLinkComplete_12_4 libnvJitLink.so.12 /env/nvidia/nvjitlink/lib/libnvJitLink.so.12"}},
	{"LD_LIBRARY_PATH leads to an older one", "/usr/local/cuda/lib64", func(tr *fakeenv.Tree) {
		tr.File("/env/nvidia/nvjitlink/lib/libnvJitLink.so.12", jitLink("__nvJitLinkComplete_12_4").Bytes())
		tr.File("/usr/local/cuda/lib64/libnvJitLink.so.12", jitLink("__nvJitLinkComplete_12_1").Bytes())
	}, []string{"__nvJitLinkComplete_12_4 libnvJitLink.so.12 /usr/local/cuda/lib64/libnvJitLink.so.12 environment"}},
	{"LD_LIBRARY_PATH leads to a newer one that has it", "/usr/local/cuda/lib64", func(tr *fakeenv.Tree) {
		tr.File("/env/nvidia/nvjitlink/lib/libnvJitLink.so.12", jitLink("__nvJitLinkComplete_12_4").Bytes())
		tr.File("/usr/local/cuda/lib64/libnvJitLink.so.12", jitLink("__nvJitLinkComplete_12_1", "__nvJitLinkComplete_12_4").Bytes())
	}, nil},
	{"the library has no versions and no hash table", "", func(tr *fakeenv.Tree) {
		tr.File("/env/nvidia/nvjitlink/lib/libnvJitLink.so.12",
			fakeenv.Library{Soname: "libnvJitLink.so.12", Defines: []string{"__nvJitLinkComplete_12_4"}, Plain: true}.Bytes())
	}, nil},
	{"the symbol has another version", "", func(tr *fakeenv.Tree) {
		tr.File("/env/nvidia/nvjitlink/lib/libnvJitLink.so.12", fakeenv.Library{
			Soname: "libnvJitLink.so.12", Offers: []string{jitVersion, "libnvJitLink.so.13"},
			Defines: []string{"__nvJitLinkComplete_12_4@libnvJitLink.so.13"},
		}.Bytes())
	}, []string{"__nvJitLinkComplete_12_4 libnvJitLink.so.12 /env/nvidia/nvjitlink/lib/libnvJitLink.so.12"}},
	{"the library cannot be read", "", func(tr *fakeenv.Tree) {
		tr.Text("/env/nvidia/nvjitlink/lib/libnvJitLink.so.12", "not ELF")
	}, nil},
	{"the library is missing", "", func(*fakeenv.Tree) {}, nil},
}

func TestLacking(t *testing.T) {
	for _, c := range lackingCases {
		t.Run(c.name, func(t *testing.T) {
			tr := fakeenv.New(t)
			tr.Glibc("GLIBC_2.17")
			tr.File("/env/nvidia/cusparse/lib/libcusparse.so.12", cusparse.Bytes())
			c.build(tr)
			r := elfdeps.NewLoader(tr.Target, c.library, []string{"/env"}, nil).Walk([]string{"/env/nvidia/cusparse/lib/libcusparse.so.12"})
			if got := describeLacking(r.Lacking); !slices.Equal(got, c.want) {
				t.Errorf("lacking %q, want %q", got, c.want)
			}
		})
	}
}

func describeLacking(list []elfdeps.Lacking) []string {
	var out []string
	for _, l := range list {
		s := fmt.Sprint(l.Symbol, " ", l.Version, " ", l.Library)
		if l.FromEnvironment {
			s += " environment"
		}
		out = append(out, s)
	}
	return out
}

// TestLackingUnversioned: libnccl has no symbol versions, and an older one that
// another wheel wrote over it is told by the functions that start with its name.
func TestLackingUnversioned(t *testing.T) {
	user := fakeenv.Library{
		Needed: []string{"libnccl.so.2", "libother.so"}, RPath: "$ORIGIN/../nccl/lib:$ORIGIN",
		Uses: []string{"ncclCommRegister", "ncclInit", "PyObject_Call", "ncclient", "otherCall"},
	}
	for _, c := range []struct {
		name         string
		nccl, others []string
		want         []string
	}{
		{"old", []string{"ncclInit"}, []string{"otherCall"}, []string{"ncclCommRegister  /env/nccl/lib/libnccl.so.2"}},
		{"new", []string{"ncclInit", "ncclCommRegister"}, nil, nil},
		{"another library of the closure has it", []string{"ncclInit"}, []string{"ncclCommRegister"}, nil},
	} {
		tr := fakeenv.New(t)
		tr.Glibc("GLIBC_2.17")
		tr.File("/env/torch/libtorch_cuda.so", user.Bytes())
		tr.File("/env/nccl/lib/libnccl.so.2", fakeenv.Library{Soname: "libnccl.so.2", Defines: c.nccl}.Bytes())
		tr.File("/env/torch/libother.so", fakeenv.Library{Defines: c.others}.Bytes())
		r := elfdeps.NewLoader(tr.Target, "", []string{"/env"}, nil).Walk([]string{"/env/torch/libtorch_cuda.so"})
		if got := describeLacking(r.Lacking); !slices.Equal(got, c.want) {
			t.Errorf("%s: lacking %q, want %q", c.name, got, c.want)
		}
	}
}

func TestUnprovided(t *testing.T) {
	for _, plain := range []bool{false, true} {
		tr := fakeenv.New(t)
		tr.File("/env/flash.so", fakeenv.Library{
			Needed: []string{"libc10.so", "libmine.so"}, RPath: "$ORIGIN/mine",
			Uses: []string{"_ZN3c104cuda9SetDeviceEi", "_ZN3c105ErrorC2Ev", "PyList_New", "_ZN2at5emptyEv", "_ZN2at4mineEv", "_ZN2at7siblingEv"},
		}.Bytes())
		tr.File("/env/torch/lib/libc10.so", fakeenv.Library{Defines: []string{"_ZN3c105ErrorC2Ev"}, Plain: plain}.Bytes())
		tr.File("/env/mine/libmine.so", fakeenv.Library{Defines: []string{"_ZN2at4mineEv"}, Plain: plain}.Bytes())
		tr.File("/env/sibling.so", fakeenv.Library{Defines: []string{"_ZN2at7siblingEv"}, Plain: plain}.Bytes())
		l := elfdeps.NewLoader(tr.Target, "", []string{"/env"}, nil)
		ours := func(name []byte) bool { return strings.HasPrefix(string(name), "_Z") }
		got, err := l.Unprovided("/env/flash.so", ours, []string{"/env/torch/lib/libc10.so"}, []string{"/env/sibling.so"})
		if want := []string{"_ZN3c104cuda9SetDeviceEi", "_ZN2at5emptyEv"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("plain %v: unprovided %q, %v; want %q", plain, got, err, want)
		}
	}
}
