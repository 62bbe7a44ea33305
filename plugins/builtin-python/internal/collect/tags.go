// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/dist"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// wrongTags compares the tags of wheels with native code with the interpreter.
// Only installers that write true tags are judged.
func (o *observer) wrongTags(_ context.Context, inv *inventory) {
	libc := o.libc()
	if libc.Version != "" {
		o.add(observed.Glibc, libc.Version, fact.File(libc.Path, 0, "GLIBC_"+libc.Version))
	}
	interpreter, ok := o.interpreter(libc.Version, libc.Musl)
	if !ok {
		return
	}
	var list []observed.WrongTag
	var evidence []fact.Evidence
	for _, d := range inv.all {
		if len(d.Tags) == 0 || !d.FromPip(o.target) {
			continue
		}
		if misfit := interpreter.Misfit(d.Tags); misfit != dist.Fits {
			wheel := path.Join(d.Path, "WHEEL")
			list = append(list, observed.WrongTag{
				Distribution: d.Name, Version: d.Version, Path: wheel, Tags: d.Tags,
				Reason: string(misfit), Interpreter: describeInterpreter(interpreter),
			})
			evidence = append(evidence, fact.File(wheel, 0, "Tag: "+strings.Join(d.Tags, ", ")))
		}
	}
	if len(list) > 0 {
		o.add(observed.WrongTags, list, evidence...)
	}
}

// interpreter is what wheels are made for; false where its version is not known.
func (o *observer) interpreter(glibc string, musl bool) (dist.Interpreter, bool) {
	parts := strings.SplitN(o.env.Version, ".", 3)
	if len(parts) < 2 || parts[0] != "3" {
		return dist.Interpreter{}, false
	}
	minor, err := strconv.Atoi(parts[1])
	if err != nil {
		return dist.Interpreter{}, false
	}
	_, after, _ := strings.Cut(glibc, ".")
	number, _ := strconv.Atoi(after) // 0: not known
	return dist.Interpreter{
		Minor: minor, PyPy: o.env.Implementation == "PyPy", OS: o.target.OS,
		Machine: strings.ToLower(machine(o.target.OS, o.target.Arch)), Glibc: number, Musl: musl,
	}, true
}

func describeInterpreter(i dist.Interpreter) string {
	tag := fmt.Sprintf("cp3%d", i.Minor)
	if i.PyPy {
		tag = fmt.Sprintf("pp3%d", i.Minor)
	}
	switch {
	case i.OS == "linux" && i.Musl:
		return fmt.Sprintf("%s-%s-musllinux_%s", tag, tag, i.Machine)
	case i.OS == "linux" && i.Glibc > 0:
		return fmt.Sprintf("%s-%s-manylinux_2_%d_%s", tag, tag, i.Glibc, i.Machine)
	}
	return fmt.Sprintf("%s-%s-%s_%s", tag, tag, i.OS, i.Machine)
}
