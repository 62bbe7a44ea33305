// SPDX-License-Identifier: Apache-2.0

package container

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
)

// place is where the program is executed. An interpreter finds its libraries, and
// Python its virtual environment, by the path that it was executed under.
func (r *Request) place() string {
	if path.IsAbs(r.Args[0]) {
		return r.Args[0]
	}
	return ProgramPath
}

// checkPlace refuses what is no place for a program.
func checkPlace(place string) error {
	if place == ProgramPath {
		return nil
	}
	if path.Clean(place) != place || place == "/" {
		return fmt.Errorf("the program's place %q must be the clean path of a file", place)
	}
	for _, dir := range reserved {
		if below(place, dir) {
			return fmt.Errorf("the program's place %s lies in %s, which the container has of its own: move it out of there", place, dir)
		}
	}
	return nil
}

// mostLinks is how many links one path may lead through, as for the kernel.
const mostLinks = 40

// followPlace is where a place leads through the links that binds have. A virtual
// environment has its Python as a link to a file that no bind shows; that is
// where the program is mounted, since not every runtime follows such a link.
func followPlace(place string, binds []Bind) (string, error) {
	at, rest := "/", strings.Split(place[1:], "/")
	for links := 0; len(rest) > 0; {
		name := path.Join(at, rest[0])
		rest = rest[1:]
		link, err := linkAt(name, binds)
		switch {
		case err != nil:
			return "", fmt.Errorf("the program's place %s leads to %s: %w", place, name, err)
		case link == "":
			at = name
			continue
		}
		if links++; links > mostLinks {
			return "", fmt.Errorf("the program's place %s leads through too many links", place)
		}
		if path.IsAbs(link) {
			at = "/"
		}
		rest = append(strings.Split(link, "/"), rest...)
	}
	return at, checkPlace(at)
}

// linkAt reads a link of a bind; "" is none. A name that a bind should have and
// has not is an error: the runtime would try to make it, on the machine.
func linkAt(name string, binds []Bind) (string, error) {
	var cover *Bind
	for i, b := range binds {
		if below(name, b.Target) && (cover == nil || len(b.Target) > len(cover.Target)) {
			cover = &binds[i]
		}
	}
	if cover == nil {
		return "", nil
	}
	info, err := os.Lstat(cover.Source + strings.TrimPrefix(name, cover.Target))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("the grant of %s has no such file", cover.Source)
	}
	if err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return "", err
	}
	return os.Readlink(cover.Source + strings.TrimPrefix(name, cover.Target))
}
