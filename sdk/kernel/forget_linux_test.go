// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/arena"
)

// TestForgotten: memory that the host needs no more is given up at once, also in the
// middle of the next call, unless a batch of that lay in it.
func TestForgotten(t *testing.T) {
	for _, c := range []struct {
		name                     string
		busy, used, now, atLeave bool
	}{
		{"idle", false, false, true, true},
		{"next call", true, false, true, true},
		{"same call", true, true, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			memory, err := arena.Make(arena.Page, arena.MakerWrites)
			if err != nil {
				t.Fatal(err)
			}
			l := &lane{inputs: [8]input{3: {memory: memory, number: 7}}}
			if c.busy {
				if err := l.enter(); err != nil {
					t.Fatal(err)
				}
			}
			if c.used {
				if _, err := l.part(arena.Message{Index: 3, Bytes: 64}); err != nil {
					t.Fatal(err)
				}
			}
			l.forget(arena.Message{Index: 3, Seq: 6}) // of one before
			if l.inputs[3].memory == nil {
				t.Error("another arena was given up")
			}
			l.forget(arena.Message{Index: 3, Seq: 7})
			if gone := l.inputs[3].memory == nil; gone != c.now {
				t.Errorf("given up at once: %v", gone)
			}
			l.leave()
			if gone := l.inputs[3].memory == nil; gone != c.atLeave {
				t.Errorf("given up at the end: %v", gone)
			}
		})
	}
}
