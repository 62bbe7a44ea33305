// SPDX-License-Identifier: Apache-2.0

package factcache

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// patience is how long the host looks at inputs: a driver or a server that does
// not answer any more must not keep it, and then the plugin, which has a
// deadline, is asked.
const patience = 3 * time.Second

// holds reports whether the machine still gives all these inputs, and its
// directories the same owners.
func (v *View) holds(inputs []*pluginv1.Input, owners []byte) bool {
	return soon(patience, func(given *atomic.Bool) bool {
		return v.unchanged(inputs, given) && bytes.Equal(owners, v.owners(inputs))
	})
}

// soon is the answer of f, or false when it takes longer; then f is told that it
// may stop.
func soon(limit time.Duration, f func(over *atomic.Bool) bool) bool {
	var over atomic.Bool
	answer := make(chan bool, 1)
	go func() { answer <- f(&over) }()
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case ok := <-answer:
		return ok
	case <-late.C:
		over.Store(true)
		return false
	}
}

// unchanged looks at inputs until one has changed.
func (v *View) unchanged(inputs []*pluginv1.Input, stop *atomic.Bool) bool {
	machine := v.machine()
	parts := min(runtime.GOMAXPROCS(0), len(inputs)/500+1)
	var changed atomic.Bool
	var wg sync.WaitGroup
	for part := range parts {
		wg.Go(func() {
			for i := part; i < len(inputs) && !changed.Load() && !stop.Load(); i += parts {
				if !machine.Unchanged(v.concrete(inputs[i])) {
					changed.Store(true)
				}
			}
		})
	}
	wg.Wait()
	return !changed.Load() && !stop.Load()
}

// machine is the examined one, as the host sees it.
func (v *View) machine() *fact.Target {
	out := fact.TargetFromProto(v.Target)
	out.Root = v.Root
	return out
}

// owners is a digest of who owns the directories on the way to what was read.
// Their modes are among the inputs. An ordinary user finds out by looking for
// what lies in them; the superuser passes anywhere, and plugins do not.
func (v *View) owners(inputs []*pluginv1.Input) []byte {
	if os.Geteuid() != 0 {
		return nil
	}
	machine, h := v.machine(), sha256.New()
	for _, in := range inputs {
		if in.GetKind() != pluginv1.Input_KIND_TYPE {
			continue
		}
		if info, err := machine.Stat(v.concrete(in).GetPath()); err == nil {
			_ = binary.Write(h, binary.LittleEndian, ownerOf(info)) // a hash does not fail
		}
	}
	return h.Sum(nil)
}
