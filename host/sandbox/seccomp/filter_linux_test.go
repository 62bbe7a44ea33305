// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

const testPID = 4242

// policies is every combination of the switches.
func policies() []Policy {
	var out []Policy
	for bits := range 64 {
		out = append(out, policyOf(uint8(bits)))
	}
	return out
}

func policyOf(bits uint8) Policy {
	on := func(i int) bool { return bits>>i&1 == 1 }
	p := Policy{Exec: on(0), Devices: on(1), Unspaced: on(2), Sockets: on(3), Notify: on(4)}
	if on(5) {
		p.ExecFD = 700
	}
	return p
}

// ready is a filter with the pid filled in, as a launcher does.
func ready(p Policy, a *arch) []unix.SockFilter {
	f := p.assemble(a)
	for _, i := range f.PIDSlots {
		f.Code[i].K = testPID
	}
	return f.Code
}

// vocabulary is every value that some rule asks about, its neighbours, and the
// same with bits in the upper half.
func vocabulary() []uint64 {
	values := []uint64{0, 1, testPID, 1 << 31, 1<<32 - 1, 1<<64 - 1}
	for _, of := range ruled {
		for _, p := range policies() {
			for _, c := range of(p).clauses {
				for _, when := range c.when {
					for _, v := range when.any {
						values = append(values, uint64(v), uint64(v)+1, uint64(v)^1, uint64(v)|uint64(^when.mask), uint64(v)|1<<32, uint64(v)|1<<63)
					}
				}
			}
		}
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// TestFilterEqualsTables checks the assembled filters against the tables they
// were assembled from, for every number and combination of switches.
func TestFilterEqualsTables(t *testing.T) {
	words := vocabulary()
	random := rand.New(rand.NewPCG(1, 2))
	for name, build := range archs {
		a := build()
		for _, p := range policies() {
			code := ready(p, a)
			for nr := range 1024 {
				rounds := 2
				if len(p.rule(a.called[nr]).clauses) > 0 {
					rounds = 60
				}
				for range rounds {
					c := call{number: int32(nr), arch: a.audit}
					for i := range c.arguments {
						c.arguments[i] = words[random.IntN(len(words))]
					}
					compare(t, name, p, a, code, c)
				}
			}
		}
	}
}

// TestEveryWord asks each rule about each word in each argument that it looks at.
func TestEveryWord(t *testing.T) {
	words := vocabulary()
	for name, build := range archs {
		a := build()
		for _, p := range policies() {
			code := ready(p, a)
			for of := range ruled {
				nr, ok := a.number[of]
				if !ok {
					continue
				}
				for _, word := range words {
					c := call{number: int32(nr), arch: a.audit, arguments: [6]uint64{word, word, word, word, word, word}}
					compare(t, name, p, a, code, c)
				}
			}
		}
	}
}

func compare(t *testing.T, name string, p Policy, a *arch, code []unix.SockFilter, c call) {
	t.Helper()
	got, err := interpret(code, c)
	if err != nil {
		t.Fatalf("%s %+v: %v", name, p, err)
	}
	if want := judge(p, a, c, testPID); got != want {
		t.Fatalf("%s %+v %s%#x: the filter says %#x, the tables %#x", name, p, a.callName(int(c.number)), c.arguments, got, want)
	}
}

func FuzzFilter(f *testing.F) {
	f.Add(uint8(0), false, uint32(0), uint32(unix.AUDIT_ARCH_X86_64), uint64(0), uint64(0), uint64(0), uint64(0), uint64(0), uint64(0))
	f.Add(uint8(4), true, uint32(129), uint32(unix.AUDIT_ARCH_AARCH64), uint64(testPID), uint64(9), uint64(0), uint64(0), uint64(0), uint64(0))
	f.Add(uint8(2), false, uint32(16), uint32(unix.AUDIT_ARCH_X86_64), uint64(0), uint64(unix.TIOCSTI|1<<40), uint64(0), uint64(0), uint64(0), uint64(0))
	filters := map[*arch][256][]unix.SockFilter{}
	for _, build := range archs {
		var all [256][]unix.SockFilter
		for bits := range all {
			all[bits] = ready(policyOf(uint8(bits)), build())
		}
		filters[build()] = all
	}
	f.Fuzz(func(t *testing.T, bits uint8, arm bool, nr, audit uint32, a0, a1, a2, a3, a4, a5 uint64) {
		a := archs["amd64"]()
		if arm {
			a = archs["arm64"]()
		}
		c := call{number: int32(nr), arch: audit, arguments: [6]uint64{a0, a1, a2, a3, a4, a5}}
		compare(t, a.name, policyOf(bits), a, filters[a][bits], c)
	})
}

// TestForeignCallsEndTheProgram: a filter that knows its own numbers only must
// not see the numbers of another ABI.
func TestForeignCallsEndTheProgram(t *testing.T) {
	amd64, arm64 := archs["amd64"](), archs["arm64"]()
	for _, c := range []struct {
		name string
		of   *arch
		call call
	}{
		{"i386 on amd64", amd64, call{number: 3, arch: unix.AUDIT_ARCH_I386}},
		{"x32 on amd64", amd64, call{number: firstX32 | 1, arch: unix.AUDIT_ARCH_X86_64}},
		{"first x32", amd64, call{number: firstX32, arch: unix.AUDIT_ARCH_X86_64}},
		{"last x32", amd64, call{number: -1, arch: unix.AUDIT_ARCH_X86_64}},
		{"amd64 on arm64", arm64, call{number: 63, arch: unix.AUDIT_ARCH_X86_64}},
		{"arm on arm64", arm64, call{number: 63, arch: unix.AUDIT_ARCH_ARM}},
	} {
		got, err := interpret(ready(Policy{Exec: true, Notify: true}, c.of), c.call)
		if err != nil || got != unix.SECCOMP_RET_KILL_PROCESS {
			t.Errorf("%s: %#x, %v", c.name, got, err)
		}
	}
}

// TestLongJumps: a tree whose halves are longer than a conditional jump reaches.
func TestLongJumps(t *testing.T) {
	var spans []span
	for nr := range 1500 {
		spans = append(spans, span{nr * 3, ret(uint32(nr))})
	}
	code := []unix.SockFilter{load(numberOffset).SockFilter}
	for _, in := range tree(spans) {
		code = append(code, in.SockFilter)
	}
	for nr := range 4600 {
		got, err := interpret(code, call{number: int32(nr)})
		if want := uint32(min(nr/3, 1499)); err != nil || got != want {
			t.Fatalf("number %d: leaf %d, not %d (%v)", nr, got, want, err)
		}
	}
}

// TestSize keeps filters small: the kernel takes 4096 instructions, and each
// launch hands one over.
func TestSize(t *testing.T) {
	for name, build := range archs {
		for _, p := range policies() {
			if n := len(p.assemble(build()).Code); n > 576 {
				t.Errorf("%s %+v: %d instructions", name, p, n)
			}
		}
	}
}

// TestFreeCallsNeedNoArguments: else the kernel could not remember which
// calls are always allowed, and each of them would run the filter.
func TestFreeCallsNeedNoArguments(t *testing.T) {
	for name, build := range archs {
		a := build()
		code := ready(Policy{}, a)
		for call := range free {
			nr, ok := a.number[call]
			if ok && !constantlyAllowed(code, a, nr) {
				t.Errorf("%s: %s is not allowed before the filter looks at an argument", name, call)
			}
		}
	}
}

// constantlyAllowed runs the filter as the kernel does to fill its cache.
func constantlyAllowed(code []unix.SockFilter, a *arch, nr int) bool {
	short := slices.Clone(code)
	for i, in := range short {
		if in.Code == unix.BPF_LD|unix.BPF_W|unix.BPF_ABS && in.K >= argumentOffset {
			short[i] = ret(unix.SECCOMP_RET_KILL_PROCESS).SockFilter
		}
	}
	got, err := interpret(short, call{number: int32(nr), arch: a.audit})
	return err == nil && got == unix.SECCOMP_RET_ALLOW
}
