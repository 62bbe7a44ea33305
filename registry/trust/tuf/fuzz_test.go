// SPDX-License-Identifier: Apache-2.0

package tuf

import (
	"errors"
	"testing"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/bulkhead-ml/bulkhead/registry/trust/tuf/tuftest"
)

// FuzzMetadata gives foreign bytes to each role: nothing counts that the
// repository did not sign, and nothing panics.
func FuzzMetadata(f *testing.F) {
	r := tuftest.New(f)
	root := r.Get("metadata/1.root.json")
	for i, name := range []string{"1.root", "timestamp", "1.snapshot", "1.targets"} {
		data := r.Get("metadata/" + name + ".json")
		f.Add(i, data)
		f.Add(i, []byte(`{"signatures":[],"signed":{"_type":"`+name+`","version":2,"expires":"2099-01-01T00:00:00Z","spec_version":"1.0","meta":{"snapshot.json":null,"targets.json":null},"keys":{"a":null},"roles":{"root":null},"targets":{"a":null},"delegations":{"keys":null,"roles":[{}]}}}`))
	}
	f.Fuzz(func(t *testing.T, role int, data []byte) {
		set, err := load(root)
		if err != nil {
			t.Fatal(err)
		}
		set.RefTime = time.Now()
		c := &Client{o: Options{Now: set.RefTime}, set: set, verified: map[edge]bool{}}
		names := []string{metadata.ROOT, metadata.TIMESTAMP, metadata.SNAPSHOT, metadata.TARGETS}
		n := uint(role) % uint(len(names))
		for i, update := range []func([]byte) error{c.noRoot, c.newTimestamp, c.anySnapshot, c.anyTargets} {
			input := r.Get([]string{"metadata/1.root.json", "metadata/timestamp.json", "metadata/1.snapshot.json", "metadata/1.targets.json"}[i])
			if uint(i) == n {
				input = data
			}
			err := verify(names[i], input, update)
			var refused *Error
			if err != nil && !errors.As(err, &refused) {
				t.Errorf("%s: %v", names[i], err)
			}
			if err != nil {
				return
			}
		}
	})
}

// noRoot reads a root; none but the one that is trusted has its version.
func (c *Client) noRoot(data []byte) error {
	_, err := c.set.UpdateRoot(data)
	if err == nil {
		return errors.New("a root without signatures of the old one counts")
	}
	if _, ok := errors.AsType[*metadata.ErrBadVersionNumber](err); ok {
		return nil // it is the old one again
	}
	return err
}

func (c *Client) anySnapshot(data []byte) error { return c.newSnapshot(data, false) }

func (c *Client) anyTargets(data []byte) error {
	return c.newTargets(data, metadata.TARGETS, metadata.ROOT)
}
