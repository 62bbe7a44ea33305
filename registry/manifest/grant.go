// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/sdk/secret"
)

// Grant is one permission. Its kind says which of Path, Name and Address it
// has; the others are empty.
type Grant struct {
	Kind string `json:"kind"`
	Path string `json:"path,omitempty"`
	Name string `json:"name,omitempty"`
	// Address is "host:port", with an IPv6 host in brackets.
	Address string `json:"address,omitempty"`
	// Why tells the person who is asked to consent.
	Why string `json:"why"`
}

// Kinds of grants.
const (
	Read   = "read"
	Write  = "write"
	Exec   = "exec"
	Device = "device"
	Net    = "net"
	Env    = "env"
	Secret = "secret"
)

// Kinds lists the kinds of grants, those that deserve a second look first.
func Kinds() []string { return []string{Write, Exec, Net, Device, Secret, Read, Env} }

// Value is what is granted: the path, the name or the address.
func (g Grant) Value() string { return cmp.Or(g.Path, g.Name, g.Address) }

// String is "KIND VALUE", the form in which reports and configurations name a
// grant.
func (g Grant) String() string { return g.Kind + " " + g.Value() }

// Wide reports whether the grant lets a plugin do more than look at what was
// named, so that a person should think twice.
func (g Grant) Wide() bool { return g.Kind != Read && g.Kind != Env }

var envPattern = pattern.Lazy(`^[A-Za-z_][A-Za-z0-9_]*\*?$`)

// maxWhy bounds the reason of a grant, in bytes: it is read on a terminal.
const maxWhy = 500

// KernelLog is the path of the read grant that gives the text of the kernel's log.
// The device behind it is given to nobody: the host reads the log.
const KernelLog = "/dev/kmsg"

// Validate checks the grant by itself.
func (g Grant) Validate() error {
	if err := g.validateValue(); err != nil {
		return err
	}
	switch {
	case strings.TrimSpace(g.Why) == "":
		return fmt.Errorf("%s has no why: say in a few words what it is for, since somebody has to consent to it", g)
	case len(g.Why) > maxWhy:
		return fmt.Errorf("%s: its why has %d bytes, more than %d", g, len(g.Why), maxWhy)
	case !printable(g.Why):
		return fmt.Errorf("%s: its why holds characters that cannot be seen", g)
	}
	return nil
}

func (g Grant) validateValue() error {
	if g.Kind == Read && g.Path == KernelLog {
		return nil
	}
	if !slices.Contains(Kinds(), g.Kind) {
		return fmt.Errorf("kind %q: use one of %s", g.Kind, strings.Join(Kinds(), ", "))
	}
	if err := g.onlyItsOwn(); err != nil {
		return err
	}
	switch g.Kind {
	case Env:
		if !envPattern().MatchString(g.Name) {
			return fmt.Errorf("env grant %q: give the name of a variable, with * only at its end", g.Name)
		}
		return nil
	case Secret:
		return secret.CheckName(g.Name)
	case Net:
		return validateAddress(g.Address)
	}
	return validatePath(g.Kind, g.Path)
}

// onlyItsOwn refuses a value that the kind does not have: it would be asked for
// and never given.
func (g Grant) onlyItsOwn() error {
	want, others := "a path", g.Name+g.Address
	switch g.Kind {
	case Env, Secret:
		want, others = "a name", g.Path+g.Address
	case Net:
		want, others = "an address", g.Path+g.Name
	}
	if others != "" {
		return fmt.Errorf("%s grant with %q: it takes %s and nothing else", g.Kind, others, want)
	}
	return nil
}

// printable reports whether a text is UTF-8 without characters that a terminal
// obeys or that nobody sees.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError
	})
}

var errHidden = errors.New("it holds characters that cannot be seen or that are not UTF-8")
