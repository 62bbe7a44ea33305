// SPDX-License-Identifier: Apache-2.0

package elfdeps

import (
	"debug/elf"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// TestAgainstDebugELF reads libraries of this machine with the standard library
// as well: both must say the same of names, and of each symbol whether it is
// defined or wanted.
func TestAgainstDebugELF(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("libraries of another format")
	}
	files, _ := filepath.Glob("/lib/*-linux-gnu/lib[a-m]*.so.*")
	more, _ := filepath.Glob("/usr/lib/python3*/lib-dynload/*.so")
	stdlib, _ := filepath.Glob("/usr/lib/*-linux-gnu/libstdc++.so.6")
	files = append(stdlib, slices.Concat(files[:min(40, len(files))], more[:min(20, len(more))])...)
	if len(files) == 0 {
		t.Skip("no libraries where they are looked for")
	}
	target := &fact.Target{Root: "/"}
	for _, file := range files {
		if peer, err := elf.Open(file); err == nil {
			compareWithPeer(t, target, file, peer)
			_ = peer.Close()
		}
	}
}

func compareWithPeer(t *testing.T, target *fact.Target, file string, peer *elf.File) {
	t.Helper()
	o, err := Read(target, file)
	if err != nil {
		t.Errorf("%s: %v", file, err)
		return
	}
	needed, _ := peer.ImportedLibraries()
	soname, _ := peer.DynString(elf.DT_SONAME)
	if !slices.Equal(o.Needed, needed) || o.Soname != append(soname, "")[0] {
		t.Errorf("%s: needs %q as %q, the peer says %q as %q", file, o.Needed, o.Soname, needed, soname)
	}
	wants := map[string]bool{}
	if err := eachWanted(target, file, func(string) bool { return true }, func(w want) { wants[string(w.name)+"@"+w.version] = true }); err != nil {
		t.Errorf("%s: %v", file, err)
	}
	e, err := readExports(target, file)
	if err != nil {
		t.Errorf("%s: %v", file, err)
		return
	}
	symbols, _ := peer.DynamicSymbols()
	count := 0
	for _, s := range symbols {
		switch {
		case s.Section == elf.SHN_UNDEF && elf.ST_BIND(s.Info) == elf.STB_GLOBAL:
			count++
			if !wants[s.Name+"@"+s.Version] {
				t.Errorf("%s wants %s@%s, which was not seen", file, s.Name, s.Version)
			}
		case s.Section != elf.SHN_UNDEF && elf.ST_BIND(s.Info) != elf.STB_LOCAL && !e.has([]byte(s.Name), s.Version):
			t.Errorf("%s defines %s@%s, which was not seen", file, s.Name, s.Version)
		}
		if e.has([]byte(s.Name+"_is_not_here"), "") {
			t.Errorf("%s does not define %s_is_not_here", file, s.Name)
		}
	}
	if len(wants) > count {
		t.Errorf("%s: %d symbols wanted, the peer says %d", file, len(wants), count)
	}
}

func TestSymbolStem(t *testing.T) {
	for name, want := range map[string]string{
		"libnccl.so.2": "nccl", "libcudnn_ops.so.9": "cudnn", "libcublasLt.so.12": "cublasLt", "libm.so.6": "", "libc10.so": "", "a/libnvrtc.so.12": "nvrtc",
	} {
		if got := symbolStem(name); got != want {
			t.Errorf("symbolStem(%s) = %q, want %q", name, got, want)
		}
	}
}
