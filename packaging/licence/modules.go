// SPDX-License-Identifier: Apache-2.0

package licence

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// Module is a library of a build.
type Module struct {
	Path, Version, Dir string
	Texts              []Text
}

// Licence is the SPDX expression of the library.
func (m Module) Licence() string { return Expression(m.Texts) }

// Build says which executables are asked for their libraries.
type Build struct {
	Root      string   // directory of the module
	Tags      string   // build tags, separated by commas
	Packages  []string // of the executables
	Platforms []string // GOOS_GOARCH
}

// Modules are the libraries of a build on any of its platforms, by path, with
// their licences.
func Modules(b Build) ([]Module, error) {
	found := map[string]Module{}
	for _, platform := range b.Platforms {
		if err := b.list(platform, found); err != nil {
			return nil, fmt.Errorf("libraries of %s: %w", platform, err)
		}
	}
	var out []Module
	var errs []error
	for _, m := range found {
		var err error
		if m.Texts, err = Read(m.Dir); err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", m.Path, m.Version, err))
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b Module) int { return cmp.Compare(a.Path, b.Path) })
	return out, errors.Join(errs...)
}

// list adds the libraries of one platform.
func (b Build) list(platform string, found map[string]Module) error {
	goos, goarch, _ := strings.Cut(platform, "_")
	args := append([]string{"list", "-deps", "-json=Module,Standard", "-tags", b.Tags}, b.Packages...)
	cmd := exec.Command("go", args...)
	cmd.Dir = b.Root
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED="+cgo(goos))
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(problems.Bytes()))
	}
	return decode(out, found)
}

// cgo is how the executables of a system are built: those of Linux partly with it,
// and no library comes in because of its lack.
func cgo(goos string) string {
	if goos == "linux" {
		return "1"
	}
	return "0"
}

// decode reads the objects that go list printed one after the other.
func decode(out []byte, found map[string]Module) error {
	stream := json.NewDecoder(bytes.NewReader(out))
	for {
		var p struct {
			Module *struct {
				Path, Version, Dir string
				Main               bool
			}
		}
		if err := stream.Decode(&p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if p.Module != nil && !p.Module.Main {
			found[p.Module.Path] = Module{Path: p.Module.Path, Version: p.Module.Version, Dir: p.Module.Dir}
		}
	}
}

// Check refuses libraries whose licence is not allowed, all of them at once.
func Check(modules []Module) error {
	var errs []error
	for _, m := range modules {
		for _, t := range m.Texts {
			for _, id := range t.IDs {
				if !slices.Contains(Allowed, id) {
					errs = append(errs, fmt.Errorf("%s %s is under %s (%s), which a release may not contain", m.Path, m.Version, id, t.Name))
				}
			}
		}
	}
	return errors.Join(errs...)
}
