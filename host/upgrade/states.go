// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/installer"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// State is a fitted state that the locked version made.
type State struct {
	Kernel  string // without the plugin's name
	Version uint32 // 0 for a form that does not tell
	Digest  string
	// Trial reads what it takes to load the state; with nil only its version is
	// compared.
	Trial func() (Trial, error)
}

// Trial is a state and the calls in which its kernel may take it, the likeliest
// first.
type Trial struct {
	State []byte
	Calls []Call
}

// Call is how a kernel is called that loads a state.
type Call struct {
	// Config is a JSON object; nil takes the defaults.
	Config []byte
	// Schema of the input, of which no row is sent.
	Schema *arrow.Schema
	Seed   uint64
}

// String is how a message names a state.
func (s State) String() string {
	if s.Version == 0 {
		return fmt.Sprintf("%s, kept as %.19s", s.Kernel, s.Digest)
	}
	return fmt.Sprintf("%s, kept as %.19s (version %d)", s.Kernel, s.Digest, s.Version)
}

// kept are the states of the version that a candidate takes the place of.
func (r *run) kept(c *Candidate) ([]State, error) {
	if c.Kind == installer.Install || r.Gates.States == nil {
		return nil, nil
	}
	return r.Gates.States(c)
}

// versions compares the versions of states that old and new know, and names what
// is lost: first what they say of themselves, then what is really kept.
func versions(c *Candidate, kept []State) (lost []string) {
	if c.Kind == installer.Install {
		return nil
	}
	for _, k := range c.Old.GetKernels() {
		if k.GetFits() && !takes(c.Kernel(k.GetName()), k.GetStateVersion()) {
			lost = append(lost, fmt.Sprintf("%s (version %d)", k.GetName(), k.GetStateVersion()))
		}
	}
	for _, s := range kept {
		if !takes(c.Kernel(s.Kernel), s.Version) {
			lost = append(lost, s.String())
		}
	}
	return lost
}

// Kernel is what the candidate says of one of its kernels; nil when it has none of
// that name.
func (c *Candidate) Kernel(name string) *pluginv1.KernelDescription {
	for _, k := range c.New.GetKernels() {
		if k.GetName() == name {
			return k
		}
	}
	return nil
}

// takes reports whether a kernel takes a state of a version, as far as versions
// tell.
func takes(k *pluginv1.KernelDescription, version uint32) bool {
	if k == nil || version == 0 {
		return k.GetFits()
	}
	return version >= k.GetMinStateVersion() && version <= k.GetStateVersion()
}

// maxListed bounds the states that one message names.
const maxListed = 8

func listed(names []string) string {
	if more := len(names) - maxListed; more > 0 {
		return fmt.Sprintf("%s, and %d more", strings.Join(names[:maxListed], ", "), more)
	}
	return strings.Join(names, ", ")
}
