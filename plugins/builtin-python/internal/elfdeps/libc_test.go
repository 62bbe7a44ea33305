// SPDX-License-Identifier: Apache-2.0

package elfdeps_test

import (
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/elfdeps"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
)

func TestFindLibc(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(*fakeenv.Tree)
		want  elfdeps.Libc
	}{
		{"Debian", func(tr *fakeenv.Tree) { tr.Glibc("GLIBC_2.2.5", "GLIBC_2.9", "GLIBC_2.36", "GLIBC_PRIVATE") },
			elfdeps.Libc{Path: "/lib/x86_64-linux-gnu/libc.so.6", Version: "2.36"}},
		{"Fedora", func(tr *fakeenv.Tree) {
			tr.File("/usr/lib64/libc.so.6", fakeenv.Library{Offers: []string{"GLIBC_2.34", "GLIBC_2.4.1"}}.Bytes())
		}, elfdeps.Libc{Path: "/usr/lib64/libc.so.6", Version: "2.34"}},
		{"versions of another form", func(tr *fakeenv.Tree) { tr.Glibc("GLIBC_PRIVATE") }, elfdeps.Libc{Path: "/lib/x86_64-linux-gnu/libc.so.6"}},
		{"Alpine", func(tr *fakeenv.Tree) { tr.Text("/lib/ld-musl-x86_64.so.1", "") }, elfdeps.Libc{Musl: true}},
		{"not ELF", func(tr *fakeenv.Tree) { tr.Text("/lib64/libc.so.6", "x") }, elfdeps.Libc{}},
		{"nothing", func(*fakeenv.Tree) {}, elfdeps.Libc{}},
	} {
		tr := fakeenv.New(t)
		c.build(tr)
		if got := elfdeps.FindLibc(tr.Target); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}
