// SPDX-License-Identifier: Apache-2.0

package fact

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// Reads are the questions that were put to a Set: with the same answers, whoever
// asked would come to the same result. A nil Reads notes nothing. It is safe for
// concurrent use.
type Reads struct {
	mu        sync.Mutex
	addresses map[string]bool
	groups    map[string]bool
	all       bool
}

// Noting is the same set, whose questions are noted in r.
func (s Set) Noting(r *Reads) Set {
	s.reads = r
	return s
}

func (r *Reads) address(address string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.addresses == nil {
		r.addresses = map[string]bool{}
	}
	r.addresses[address] = true
}

func (r *Reads) group(group string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.groups == nil {
		r.groups = map[string]bool{}
	}
	r.groups[group] = true
}

func (r *Reads) everything() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = true
}

// ToProto converts the questions for the wire, sorted.
func (r *Reads) ToProto() *pluginv1.FactReads {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all {
		return &pluginv1.FactReads{All: true}
	}
	out := &pluginv1.FactReads{}
	for _, a := range slices.Sorted(maps.Keys(r.addresses)) {
		out.Addresses = append(out.Addresses, text(a))
	}
	for _, g := range slices.Sorted(maps.Keys(r.groups)) {
		out.Groups = append(out.Groups, text(g))
	}
	return out
}

// Answers is a digest of what a set answers to these questions: the values, the
// reasons and the evidence, or that there is no such fact.
func (s Set) Answers(r *pluginv1.FactReads) []byte {
	h := sha256.New()
	put := func(data []byte) {
		_, _ = h.Write(binary.AppendUvarint(nil, uint64(len(data))))
		_, _ = h.Write(data)
	}
	count := func(n int) { _, _ = h.Write(binary.AppendUvarint(nil, uint64(n))) }
	addresses := r.GetAddresses()
	if r.GetAll() {
		addresses = s.Addresses()
	}
	count(len(addresses))
	for _, address := range addresses {
		put([]byte(address))
		f, ok := s.byAddress[address]
		if !ok {
			put([]byte("absent"))
			continue
		}
		put([]byte("fact"))
		put(f.Value)
		put([]byte(f.Unknown))
		count(len(f.Evidence))
		for _, e := range EvidenceToProto(f.Evidence) {
			data, _ := proto.MarshalOptions{Deterministic: true}.Marshal(e) // strings that text has made valid
			put(data)
		}
	}
	for _, group := range r.GetGroups() {
		keys := s.Instances(group)
		put([]byte(group))
		count(len(keys))
		for _, key := range keys {
			put([]byte(key))
		}
	}
	return h.Sum(nil)
}
