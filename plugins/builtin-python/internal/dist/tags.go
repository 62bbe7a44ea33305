// SPDX-License-Identifier: Apache-2.0

package dist

import (
	"slices"
	"strconv"
	"strings"
)

// Interpreter is what the tags of a wheel are compared with.
type Interpreter struct {
	// Minor is N of Python 3.N; PyPy has other tags.
	Minor int
	PyPy  bool
	// OS in Go's names, Machine in those of tags ("x86_64").
	OS, Machine string
	// Glibc is N of glibc 2.N, 0 when it is not known; Musl tells that the system
	// has musl instead.
	Glibc int
	Musl  bool
}

// Misfit is the part of a tag that keeps a wheel from an interpreter.
type Misfit string

// Misfits, in the order in which tags are compared.
const (
	Fits           Misfit = ""
	MisfitPython   Misfit = "python"
	MisfitABI      Misfit = "abi"
	MisfitPlatform Misfit = "platform"
	MisfitGlibc    Misfit = "glibc"
)

// rank orders misfits: the one that comes last comes nearest to fitting.
var rank = map[Misfit]int{MisfitPython: 1, MisfitABI: 2, MisfitPlatform: 3, MisfitGlibc: 4}

// Misfit compares an interpreter with the tags of a wheel (PEP 425, 600, 656):
// Fits when one of them fits or none can be read, else what is wrong with the
// one that comes nearest.
func (i Interpreter) Misfit(tags []string) Misfit {
	best := Fits
	for _, tag := range tags {
		parts := strings.Split(strings.ToLower(tag), "-")
		if len(parts) != 3 {
			return Fits
		}
		for platform := range strings.SplitSeq(parts[2], ".") {
			m := i.misfit(strings.Split(parts[0], "."), strings.Split(parts[1], "."), platform)
			if m == Fits {
				return Fits
			}
			if rank[m] > rank[best] {
				best = m
			}
		}
	}
	return best
}

func (i Interpreter) misfit(pythons, abis []string, platform string) Misfit {
	stable := slices.Contains(abis, "abi3")
	switch {
	case !slices.ContainsFunc(pythons, func(p string) bool { return i.python(p, stable) }):
		return MisfitPython
	case !slices.ContainsFunc(abis, i.abi):
		return MisfitABI
	case platform == "any":
		return Fits
	}
	return i.platform(platform)
}

// python compares "cp311", "py3", "py310", "pp310".
func (i Interpreter) python(tag string, stable bool) bool {
	if len(tag) < 3 {
		return true
	}
	minor, known := minorOf(tag[2:])
	switch tag[:2] {
	case "py":
		return known && minor <= i.Minor
	case "cp":
		return !i.PyPy && known && (minor == i.Minor || stable && minor <= i.Minor)
	case "pp":
		return i.PyPy && known && minor == i.Minor
	}
	return true // another implementation's
}

// minorOf reads "3" as 0 and "311" as 11; false for Python 2.
func minorOf(digits string) (int, bool) {
	if digits == "" || digits[0] != '3' {
		return 0, false
	}
	if digits == "3" {
		return 0, true
	}
	n, err := strconv.Atoi(digits[1:])
	return n, err == nil
}

// abi compares "cp311", "cp311t", "cp37m", "abi3", "none", "pypy310_pp73".
func (i Interpreter) abi(tag string) bool {
	digits, ok := strings.CutPrefix(tag, "cp")
	if !ok {
		return tag == "none" || tag == "abi3" || i.PyPy && strings.HasPrefix(tag, "pypy")
	}
	minor, known := minorOf(strings.TrimRight(digits, "tmud"))
	return !i.PyPy && (!known || minor == i.Minor)
}

func (i Interpreter) platform(tag string) Misfit {
	switch i.OS {
	case "linux":
		return i.linux(tag)
	case "darwin":
		return misfitUnless(strings.HasPrefix(tag, "macosx_"))
	case "windows":
		return misfitUnless(strings.HasPrefix(tag, "win"))
	}
	return Fits
}

func misfitUnless(ok bool) Misfit {
	if ok {
		return Fits
	}
	return MisfitPlatform
}

func (i Interpreter) linux(tag string) Misfit {
	if !strings.Contains(tag, "linux") || !strings.HasSuffix(tag, "_"+i.Machine) {
		return MisfitPlatform
	}
	if strings.HasPrefix(tag, "musllinux_") {
		return misfitUnless(i.Musl || i.Glibc == 0)
	}
	needs := glibcOf(tag)
	switch {
	case needs == 0:
		return Fits
	case i.Musl:
		return MisfitPlatform
	case i.Glibc != 0 && needs > i.Glibc:
		return MisfitGlibc
	}
	return Fits
}

// glibcOf is N of the glibc 2.N that a manylinux tag asks for, 0 for others.
func glibcOf(tag string) int {
	rest, ok := strings.CutPrefix(tag, "manylinux")
	switch {
	case !ok:
		return 0
	case strings.HasPrefix(rest, "1_"):
		return 5
	case strings.HasPrefix(rest, "2010_"):
		return 12
	case strings.HasPrefix(rest, "2014_"):
		return 17
	}
	minor, _, _ := strings.Cut(strings.TrimPrefix(rest, "_2_"), "_")
	n, _ := strconv.Atoi(minor)
	return n
}
