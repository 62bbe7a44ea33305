// SPDX-License-Identifier: Apache-2.0

package release

import (
	"fmt"
	"strings"
)

const (
	pathRoot      = "plugins"
	fileName      = "release.json"
	archiveSuffix = ".tar.zst"
)

// Path is what the path of a target says.
type Path struct {
	ID      ID
	Version string
	// Platform of an archive; empty for the description of the release.
	Platform string
}

// String is the path.
func (p Path) String() string {
	if p.Platform == "" {
		return TargetPath(p.ID, p.Version)
	}
	return ArchivePath(p.ID, p.Version, p.Platform)
}

// TargetPath is the path of a release's description.
func TargetPath(id ID, version string) string {
	return strings.Join([]string{pathRoot, id.Namespace, id.Name, version, fileName}, "/")
}

// ArchivePath is the path of a release's archive for one platform.
func ArchivePath(id ID, version, platform string) string {
	return strings.Join([]string{pathRoot, id.Namespace, id.Name, version, platform + archiveSuffix}, "/")
}

// RolePattern is the pattern of the paths that a publisher's role may sign.
func RolePattern(namespace string) string { return pathRoot + "/" + namespace + "/*/*/*" }

// ParsePath reads the path of a target, which is nothing else than what
// TargetPath and ArchivePath write.
func ParsePath(s string) (Path, error) {
	parts := strings.Split(s, "/")
	if len(parts) != 5 || parts[0] != pathRoot {
		return Path{}, fmt.Errorf("target %s: its path is plugins/NAMESPACE/NAME/VERSION/FILE", quote(s))
	}
	p := Path{ID: ID{Namespace: parts[1], Name: parts[2]}, Version: parts[3]}
	if err := p.ID.Validate(); err != nil {
		return Path{}, fmt.Errorf("target %s: %w", quote(s), err)
	}
	if err := CheckVersion(p.Version); err != nil {
		return Path{}, fmt.Errorf("target %s: %w", quote(s), err)
	}
	if parts[4] == fileName {
		return p, nil
	}
	platform, ok := strings.CutSuffix(parts[4], archiveSuffix)
	if !ok {
		return Path{}, fmt.Errorf("target %s: its file is %s or PLATFORM%s", quote(s), fileName, archiveSuffix)
	}
	if err := CheckPlatform(platform); err != nil {
		return Path{}, fmt.Errorf("target %s: %w", quote(s), err)
	}
	p.Platform = platform
	return p, nil
}
