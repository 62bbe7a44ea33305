// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/registry/trust/tuf/tuftest"
)

type md struct {
	keys      []int
	threshold int
	sigs      []int
}

func rootRotations() map[string]struct {
	roots []md
	fails bool
} {
	five := []int{0, 1, 2, 3, 4}
	return map[string]struct {
		roots []md
		fails bool
	}{
		"one key for another":             {[]md{{[]int{1}, 1, []int{1}}, {[]int{2}, 1, []int{2, 1}}, {[]int{2}, 1, []int{2}}}, false},
		"unused signatures":               {[]md{{[]int{1}, 1, []int{3, 1, 4}}, {[]int{2}, 1, []int{3, 2, 1, 4}}, {[]int{2}, 1, []int{3, 2, 4}}}, false},
		"3 of 5, other keys sign":         {[]md{{five, 3, []int{0, 2, 4}}, {five, 3, []int{0, 4, 1}}, {five, 3, []int{0, 1, 3}}}, false},
		"3 of 5, one rotated":             {[]md{{five, 3, []int{0, 2, 4}}, {[]int{0, 1, 3, 4, 5}, 3, []int{0, 4, 1}}}, false},
		"3 of 5, all rotated":             {[]md{{five, 3, []int{0, 2, 4}}, {[]int{5, 6, 7, 8, 9}, 3, []int{0, 2, 4, 5, 6, 7}}, {[]int{5, 6, 7, 8, 9}, 3, []int{5, 6, 7}}}, false},
		"a higher threshold":              {[]md{{[]int{1, 2, 3}, 1, []int{1}}, {[]int{1, 2, 3}, 2, []int{1, 2}}}, false},
		"a lower threshold":               {[]md{{[]int{1, 2, 3}, 2, []int{1, 2}}, {[]int{1, 2, 3}, 1, []int{1, 2}}, {[]int{1, 2, 3}, 1, []int{1}}}, false},
		"not signed by the old key":       {[]md{{[]int{1}, 1, []int{1}}, {[]int{2}, 1, []int{2, 3, 4}}}, true},
		"not signed by the new key":       {[]md{{[]int{1}, 1, []int{1}}, {[]int{2}, 1, []int{1, 3, 4}}}, true},
		"not signed by 3 new keys":        {[]md{{five, 3, []int{0, 2, 4}}, {[]int{0, 1, 3, 4, 5}, 3, []int{0, 2, 4}}}, true},
		"not signed by 3 old keys":        {[]md{{five, 3, []int{0, 2, 4}}, {[]int{0, 1, 3, 4, 5}, 3, []int{0, 4, 5}}}, true},
		"a higher threshold, not reached": {[]md{{[]int{1, 2, 3}, 1, []int{1}}, {[]int{1, 2, 3}, 2, []int{2}}}, true},
		"a lower threshold, too early":    {[]md{{[]int{1, 2, 3}, 2, []int{1, 2}}, {[]int{1, 2, 3}, 1, []int{1}}}, true},
	}
}

func pick(keys []*tuftest.Key, which []int) []*tuftest.Key {
	var out []*tuftest.Key
	for _, i := range which {
		out = append(out, keys[i])
	}
	return out
}

func tenKeys(t *testing.T) []*tuftest.Key {
	var keys []*tuftest.Key
	for range 10 {
		keys = append(keys, tuftest.NewKey(t))
	}
	return keys
}

func TestRootRotation(t *testing.T) {
	for name, c := range rootRotations() {
		t.Run(name, func(t *testing.T) {
			s := newSuite(t)
			keys := tenKeys(t)
			s.Root.Signed.Version = 0
			var roots [][]byte
			for _, v := range c.roots {
				s.Rotate("root", v.threshold, pick(keys, v.keys)...)
				s.Signers["root"] = pick(keys, v.sigs)
				roots = append(roots, s.PublishRoot())
			}
			s.want(0, s.init(roots[0]))
			code, last := 0, len(roots)-1
			if c.fails {
				code, last = 1, last-1
			}
			s.want(code, s.refresh())
			if got := s.trusted()["root"]; got != int64(last+1) {
				t.Errorf("root %d is trusted", got)
			}
		})
	}
}

func TestOtherRotation(t *testing.T) {
	for name, c := range map[string]struct {
		md
		fails bool
	}{
		"one key for another":       {md{[]int{2}, 1, []int{2}}, false},
		"unused signatures":         {md{[]int{1}, 1, []int{3, 1, 4}}, false},
		"not signed by the new key": {md{[]int{2}, 1, []int{1, 3, 4}}, true},
		"one key is wrong":          {md{[]int{0, 1, 3, 4, 5}, 3, []int{0, 2, 4}}, true},
		"one key is missing":        {md{[]int{0, 1, 3, 4, 5}, 3, []int{0, 4}}, true},
		"3 of 5":                    {md{[]int{0, 1, 2, 3, 4}, 3, []int{4, 2, 0}}, false},
	} {
		for _, role := range []string{"timestamp", "snapshot", "targets"} {
			t.Run(name+"/"+role, func(t *testing.T) {
				s := begun(t)
				keys := tenKeys(t)
				s.Rotate(role, c.threshold, pick(keys, c.keys)...)
				s.Signers[role] = pick(keys, c.sigs)
				s.PublishRoot()
				s.Publish("targets")
				code := 0
				if c.fails {
					code = 1
				}
				s.want(code, s.refresh())
				if got := s.trusted()[role]; (got == 2) == c.fails {
					t.Errorf("version %d is trusted", got)
				}
			})
		}
	}
}

// TestThreshold: keys in root do not sign for the snapshot, and one key under
// several names is one key.
func TestThreshold(t *testing.T) {
	s := begun(t)
	s.want(0, s.refresh())
	s.Root.Signed.Roles["snapshot"].Threshold = 5
	s.PublishRoot()
	s.want(1, s.refresh())
	s.wantTrusted(2, 1, 1, 1)
	role := s.Root.Signed.Roles["snapshot"]
	key := s.Signers["snapshot"][0]
	for _, id := range strings.Fields("01 02 03 04 05") {
		role.KeyIDs = append(role.KeyIDs, id)
		s.Root.Signed.Keys[id] = key.Public
	}
	s.PublishRoot()
	s.Publish()
	s.want(1, s.refresh())
	if v := s.trusted()["snapshot"]; v != 1 {
		t.Errorf("snapshot %d is trusted", v)
	}
}
