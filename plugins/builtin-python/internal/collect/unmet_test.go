// SPDX-License-Identifier: Apache-2.0

package collect_test

import (
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
)

// TestUnmetVersions: an extension that was built on a newer system is found
// whoever it belongs to, without torch being there.
func TestUnmetVersions(t *testing.T) {
	const local, manylinux = "cp311-cp311-linux_x86_64", "cp311-cp311-manylinux_2_28_x86_64"
	for _, c := range []struct {
		name string
		dist fakeenv.Dist
		want bool
	}{
		{"built on a newer system", fakeenv.Dist{Name: "torch-scatter", Version: "2.1.2", Tag: local}, true},
		{"requires torch", fakeenv.Dist{Name: "torch-scatter", Version: "2.1.2", Tag: manylinux, Requires: []string{"torch"}}, true},
		{"its tag says what it needs", fakeenv.Dist{Name: "fast", Version: "1.0", Tag: manylinux}, false},
		{"of conda", fakeenv.Dist{Name: "fast", Version: "1.0", Tag: local, Installer: "conda"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := fakeenv.New(t)
			site := tr.Venv("/opt/env", "3.11.7")
			c.dist.Files = map[string][]byte{"thing/_cpu.so": fakeenv.Library{
				Needed: []string{"libc.so.6"}, Wants: map[string][]string{"libc.so.6": {"GLIBC_2.17", "GLIBC_2.32"}},
			}.Bytes()}
			tr.Install(site, c.dist)
			got := get[[]observed.UnmetVersion](t, observe(t, tr.Target), observed.UnmetVersions)
			if (len(got) == 1) != c.want || len(got) > 1 {
				t.Fatalf("%+v", got)
			}
			if c.want && (got[0].Distribution != c.dist.Name || got[0].Version != "GLIBC_2.32" || got[0].Newest != "GLIBC_2.31") {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestUnmetVersionsBesideConda: the interpreter's own libstdc++ answers before
// that of the system.
func TestUnmetVersionsBesideConda(t *testing.T) {
	tr := fakeenv.New(t)
	tr.Glibc("GLIBC_2.31")
	tr.File("/lib/x86_64-linux-gnu/libstdc++.so.6", fakeenv.Library{Soname: "libstdc++.so.6", Offers: []string{"GLIBCXX_3.4.20"}}.Bytes())
	tr.Text("/opt/c/conda-meta/python-3.11.7-h1_0.json", "{}")
	tr.Text("/opt/c/bin/python3.11", "")
	tr.Link("/opt/c/bin/python", "python3.11")
	tr.File("/opt/c/lib/libstdc++.so.6", fakeenv.Library{Soname: "libstdc++.so.6"}.Bytes())
	tr.Install("/opt/c/lib/python3.11/site-packages", fakeenv.Dist{Name: "thing", Version: "1.0", Tag: "cp311-cp311-linux_x86_64", Files: map[string][]byte{
		"thing/_cpu.so": fakeenv.Library{Needed: []string{"libstdc++.so.6"}, Wants: map[string][]string{"libstdc++.so.6": {"GLIBCXX_3.4.29"}}}.Bytes(),
	}})
	tr.Target.Env["CONDA_PREFIX"] = "/opt/c"
	if f, ok := observe(t, tr.Target).Lookup(observed.At("/opt/c", observed.UnmetVersions)); ok {
		t.Errorf("%s", f.Value)
	}
}
