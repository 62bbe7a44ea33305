// SPDX-License-Identifier: Apache-2.0

package repo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/archive"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// Details are what a release says that no archive does.
type Details struct {
	Namespace  string
	Homepage   string
	Changes    string
	MinHost    string
	Collectors []string
	Checks     []string
	Kernels    []release.Kernel
	Published  time.Time
}

// ReadRelease makes a release of its archives, one for each platform. The platform
// is what [Built] says of the archive's files; platforms gives it, by the archive's
// file, where they do not tell.
func ReadRelease(ctx context.Context, archives []string, platforms map[string]string, d Details) (*NewRelease, error) {
	n := &NewRelease{Archives: map[string]string{}, Release: &release.Release{
		Homepage: d.Homepage, Changes: d.Changes, MinHost: d.MinHost, Collectors: d.Collectors, Checks: d.Checks, Kernels: d.Kernels,
		Platforms: map[string]release.Platform{}, Published: d.Published.UTC().Truncate(time.Second),
	}}
	for _, file := range archives {
		if err := n.read(ctx, d.Namespace, file, platforms[file]); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return n, n.Release.Validate()
}

// read adds an archive; the first one says what the release is.
func (n *NewRelease) read(ctx context.Context, namespace, file, platform string) error {
	p, err := measure(file)
	if err != nil {
		return err
	}
	var m *manifest.Manifest
	err = contents(ctx, file, archive.Limits{Bytes: p.Bytes}, func(dir string, u *archive.Unpacked) error {
		m = u.Manifest
		p.H1, p.Executable, p.Unpacked = u.H1, u.Manifest.Digest, u.Bytes
		built, why, err := Built(dir, u.Manifest)
		if err == nil {
			platform, err = choose(platform, built, why)
		}
		return err
	})
	if err != nil {
		return err
	}
	if len(n.Archives) == 0 {
		n.Release.ID, n.Release.Version = namespace+"/"+m.Name, m.Version
		n.Release.Summary, n.Release.Licence, n.Release.Protocols, n.Release.Grants = m.Summary, m.Licence, m.Protocols, m.Grants
	}
	if err := agrees(m, n.Release); err != nil {
		return err
	}
	if other, ok := n.Archives[platform]; ok {
		return fmt.Errorf("it is for %s, as %s is", platform, other)
	}
	n.Archives[platform], n.Release.Platforms[platform] = file, p
	return nil
}

// choose takes the platform that was given or that of the files, of which why tells.
func choose(given, built, why string) (string, error) {
	switch {
	case given == "" && built == "":
		return "", fmt.Errorf("%s; give the platform as PLATFORM=ARCHIVE, such as linux_amd64=ARCHIVE", why)
	case given == "":
		return built, nil
	case built != "" && built != release.Any && built != given:
		return "", fmt.Errorf("%s and not for %s", why, given)
	}
	return given, release.CheckPlatform(given)
}

// measure gives the size and the digest of a file.
func measure(name string) (release.Platform, error) {
	f, err := os.Open(name)
	if err != nil {
		return release.Platform{}, err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	return release.Platform{Bytes: n, Archive: "sha256:" + hex.EncodeToString(sum.Sum(nil))}, err
}
