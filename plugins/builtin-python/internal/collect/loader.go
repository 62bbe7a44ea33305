// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/elfdeps"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/locate"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// loader records that the kernel cannot start the interpreter, since the program
// names a loader that this system does not have, or has only as the stub with
// which NixOS refuses it. Only /lib64 is shown to this plugin whole, and a system
// that has glibc in a usual place has its loader, too.
func (o *observer) loader() {
	link := o.env.Link
	if o.target.OS != "linux" || link.State != locate.LinkOK {
		return
	}
	name := elfdeps.ProgramLoader(o.target, link.Target)
	if path.Dir(name) != "/lib64" {
		return
	}
	if l := (observed.ProgramLoader{Path: name}); o.refuses(name, &l) {
		o.add(observed.Loader, l, fact.File(link.Target, 0, name))
	}
}

func (o *observer) refuses(name string, l *observed.ProgramLoader) bool {
	text, err := o.target.Readlink(name)
	switch {
	case err == nil:
		l.Link = text
		return strings.Contains(text, "-stub-ld")
	case errors.Is(err, fs.ErrNotExist):
		return o.libc().Path == ""
	}
	return false
}
