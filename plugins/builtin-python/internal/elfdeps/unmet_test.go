// SPDX-License-Identifier: Apache-2.0

package elfdeps_test

import (
	"reflect"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/elfdeps"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
)

// TestUnmetOfOneFile: of one extension what the system lacks is told with what
// it has; what the environment brings is not judged.
func TestUnmetOfOneFile(t *testing.T) {
	tr := fakeenv.New(t)
	tr.Glibc("GLIBC_2.2.5", "GLIBC_2.9", "GLIBC_2.28", "GLIBC_PRIVATE")
	x := fakeenv.Library{Needed: []string{"libc.so.6", "b.so"}, RPath: "$ORIGIN", Wants: map[string][]string{
		"libc.so.6": {"GLIBC_2.2.5", "GLIBC_2.32", "OTHER_1"}, "b.so": {"B_2"},
	}}
	put(tr, map[string]fakeenv.Library{"/env/a.so": x, "/env/b.so": {Soname: "b.so", Offers: []string{"B_1"}}})
	tr.Text("/env/text.so", "no library")
	l := elfdeps.NewLoader(tr.Target, "", []string{"/env"}, nil)
	const libc = "/lib/x86_64-linux-gnu/libc.so.6"
	want := []elfdeps.Unmet{
		{Version: "GLIBC_2.32", Library: libc, NeededBy: "/env/a.so", Newest: "GLIBC_2.28"},
		{Version: "OTHER_1", Library: libc, NeededBy: "/env/a.so"},
	}
	if got, err := l.Unmet("/env/a.so"); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if _, err := l.Unmet("/env/text.so"); err == nil {
		t.Error("a text has no versions")
	}
}
