// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	container "github.com/bulkhead-ml/bulkhead/sdk/state"
)

// Form says how a state is written.
type Form string

// The forms of states.
const (
	// Container is that of package sdk/state.
	Container Form = "container"
	// Opaque is any other; only its kernel can read it.
	Opaque Form = "opaque"
)

// Entry is what a store knows of a state.
type Entry struct {
	// Digest of the bytes: "sha256:" and 64 hexadecimal digits.
	Digest string `json:"digest"`
	Bytes  int64  `json:"bytes"`
	Form   Form   `json:"form"`
	// Kernel, Version and Parent are those of the header of a container.
	Kernel  string `json:"kernel,omitempty"`
	Version int    `json:"version,omitempty"`
	Parent  string `json:"parent,omitempty"`
	// Added is when the store got it first.
	Added time.Time `json:"added"`
	// Brought says that a user brought it, or that it was made outside of a run:
	// Sweep never removes it.
	Brought bool `json:"brought,omitempty"`
	// Origins tell who made it, the latest last: at most MaxOrigins, and how many
	// earlier ones were left out.
	Origins        []Origin `json:"origins"`
	OriginsDropped int      `json:"origins_dropped,omitempty"`
}

// MaxOrigins bounds Entry.Origins.
const MaxOrigins = 32

// Origin is one time that a state was made.
type Origin struct {
	// Pipeline and Node that made it, and the kernel that the node uses.
	Pipeline string `json:"pipeline,omitempty"`
	Node     string `json:"node,omitempty"`
	Use      string `json:"use,omitempty"`
	// Run is the id of the run; "" outside of one.
	Run  string    `json:"run,omitempty"`
	Time time.Time `json:"time"`
	// Parent is the digest of the state that the kernel went on from.
	Parent string `json:"parent,omitempty"`
}

// Last is the latest origin; zero when there is none.
func (e Entry) Last() Origin {
	if len(e.Origins) == 0 {
		return Origin{}
	}
	return e.Origins[len(e.Origins)-1]
}

// Short is the beginning of the digest that people type: 12 digits.
func (e Entry) Short() string { return hexOf(e.Digest)[:12] }

// describe makes the entry of a state without origins.
func describe(data []byte) Entry {
	e := Entry{Digest: container.DigestOf(data), Bytes: int64(len(data)), Form: Opaque, Origins: []Origin{}}
	if s, err := container.Decode(data); err == nil {
		e.Form, e.Kernel, e.Version, e.Parent = Container, s.Header.Kernel, s.Header.Version, s.Header.Parent
	}
	return e
}

// add puts an origin behind the others.
func (e *Entry) add(o Origin) {
	e.Brought = e.Brought || o.Run == ""
	if slices.Contains(e.Origins, o) {
		return
	}
	e.Origins = append(e.Origins, o)
	if over := len(e.Origins) - MaxOrigins; over > 0 {
		e.Origins, e.OriginsDropped = slices.Clone(e.Origins[over:]), e.OriginsDropped+over
	}
}

const digestPrefix = "sha256:"

func hexOf(digest string) string { return strings.TrimPrefix(digest, digestPrefix) }

// isHex reports whether s has lower-case hexadecimal digits only.
func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// maxEntry bounds an entry on disk in bytes.
const maxEntry = 1 << 20

// parseEntry reads an entry and checks what others rely on.
func parseEntry(data []byte) (Entry, error) {
	var e Entry
	if err := json.Unmarshal(data, &e); err != nil {
		return Entry{}, err
	}
	digits, ok := strings.CutPrefix(e.Digest, digestPrefix)
	if !ok || len(digits) != 64 || !isHex(digits) || e.Bytes < 0 || len(e.Origins) > MaxOrigins {
		return Entry{}, errors.New("it is no entry of a state")
	}
	if e.Origins == nil {
		e.Origins = []Origin{}
	}
	return e, nil
}
