// SPDX-License-Identifier: Apache-2.0

package release

import (
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// Any is the platform of a plugin without machine code.
const Any = "any"

// platforms are the ports of Go that run processes, as GOOS_GOARCH, sorted.
var platforms = strings.Fields(`
	aix_ppc64
	darwin_amd64 darwin_arm64
	dragonfly_amd64
	freebsd_386 freebsd_amd64 freebsd_arm freebsd_arm64 freebsd_riscv64
	illumos_amd64
	linux_386 linux_amd64 linux_arm linux_arm64 linux_loong64 linux_mips linux_mips64 linux_mips64le linux_mipsle
	linux_ppc64 linux_ppc64le linux_riscv64 linux_s390x
	netbsd_386 netbsd_amd64 netbsd_arm netbsd_arm64
	openbsd_386 openbsd_amd64 openbsd_arm openbsd_arm64 openbsd_ppc64 openbsd_riscv64
	plan9_386 plan9_amd64 plan9_arm
	solaris_amd64
	windows_386 windows_amd64 windows_arm64`)

// Platforms lists the platforms that a release can be for, [Any] last.
func Platforms() []string { return append(slices.Clone(platforms), Any) }

// Host is the platform of this program.
func Host() string { return runtime.GOOS + "_" + runtime.GOARCH }

// CheckPlatform reports whether a platform is none of [Platforms].
func CheckPlatform(s string) error {
	if _, ok := slices.BinarySearch(platforms, s); ok || s == Any {
		return nil
	}
	return fmt.Errorf("platform %s: use GOOS_GOARCH, such as linux_amd64, or %q", quote(s), Any)
}

// For is what the release has for a platform, with the key under which it stands:
// the platform itself or [Any].
func (r *Release) For(platform string) (key string, p Platform, ok bool) {
	for _, key := range []string{platform, Any} {
		if p, ok := r.Platforms[key]; ok {
			return key, p, true
		}
	}
	return "", Platform{}, false
}

var digestForm = pattern.Lazy(`^sha256:[0-9a-f]{64}$`)

// CheckDigest checks the form "sha256:" and 64 lower-case hex digits.
func CheckDigest(s string) error {
	if !digestForm().MatchString(s) {
		return fmt.Errorf("digest %s: use sha256: and 64 lower-case hex digits", quote(s))
	}
	return nil
}

// CheckH1 checks the form "h1:" and the base64 of 32 bytes.
func CheckH1(s string) error {
	text, ok := strings.CutPrefix(s, "h1:")
	sum, err := base64.StdEncoding.Strict().DecodeString(text)
	if !ok || err != nil || len(sum) != 32 || strings.ContainsAny(text, "\r\n") {
		return fmt.Errorf("digest %s: use h1: and the base64 of 32 bytes, as golang.org/x/mod/sumdb/dirhash does", quote(s))
	}
	return nil
}

// Bounds on the size of a plugin.
const (
	MaxBytes    = 8 << 30  // of an archive
	MaxUnpacked = 32 << 30 // of all files in it
)

func (p Platform) validate() error {
	var errs []error
	if p.Bytes < 1 || p.Bytes > MaxBytes {
		errs = append(errs, fmt.Errorf("bytes %d: the size of an archive is 1 to %d", p.Bytes, int64(MaxBytes)))
	}
	if p.Unpacked < 1 || p.Unpacked > MaxUnpacked {
		errs = append(errs, fmt.Errorf("unpacked %d: the size of the files is 1 to %d", p.Unpacked, int64(MaxUnpacked)))
	}
	return errors.Join(append(errs,
		within("h1", CheckH1(p.H1)), within("executable", CheckDigest(p.Executable)), within("archive", CheckDigest(p.Archive)))...)
}
