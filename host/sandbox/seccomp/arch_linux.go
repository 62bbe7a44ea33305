// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

//go:generate go run generate.go

// arch is one architecture's way to number system calls.
type arch struct {
	name   string
	audit  uint32         // AUDIT_ARCH_*, which the kernel puts into seccomp_data
	second uint32         // first number of a second ABI in the same space (x32); 0 without one
	number map[string]int // by name
	called map[int]string // by number
	newest int
}

// firstX32 is the bit that marks calls of the x32 ABI. They share AUDIT_ARCH
// with amd64 and have numbers of their own, so that a filter that forgets them
// lets everything through.
const firstX32 = 0x4000_0000

// archs builds its tables at the first use: most runs of the host need none.
var archs = map[string]func() *arch{
	"amd64": sync.OnceValue(func() *arch { return newArch("amd64", unix.AUDIT_ARCH_X86_64, firstX32) }),
	"arm64": sync.OnceValue(func() *arch { return newArch("arm64", unix.AUDIT_ARCH_AARCH64, 0) }),
}

func newArch(name string, audit, second uint32) *arch {
	a := &arch{name: name, audit: audit, second: second, number: map[string]int{}, called: map[int]string{}}
	for _, n := range numbers {
		nr := n.amd64
		if name == "arm64" {
			nr = n.arm64
		}
		if nr < 0 {
			continue
		}
		a.number[n.name] = nr
		a.called[nr] = n.name
		a.newest = max(a.newest, nr)
	}
	return a
}

// host returns the architecture that this program was built for.
func host() (*arch, error) {
	if a, ok := archs[runtime.GOARCH]; ok {
		return a(), nil
	}
	return nil, fmt.Errorf("there is no table of system calls for %s, only for amd64 and arm64, so no seccomp filter can be built here", runtime.GOARCH)
}

// callName names the call of a number as the manual does: "socket". A number
// without a name gives "system call 999".
func (a *arch) callName(nr int) string {
	if name, ok := a.called[nr]; ok {
		return name
	}
	return fmt.Sprintf("system call %d", nr)
}
