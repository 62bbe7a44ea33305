// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"math"
	"path"
	"slices"
	"strings"
	"testing"
)

func FuzzMounts(f *testing.F) {
	f.Add([]byte(unifiedMount))
	f.Add([]byte(legacyMounts))
	f.Add([]byte(`1 2 0:3 /a\040b /m\134\400\08 rw x:1 - cgroup2 none rw`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, m := range parseMounts(data) {
			if !plain(m.root) || !plain(m.point) || m.version < 1 || m.version > 2 {
				t.Fatalf("%+v", m)
			}
			for _, group := range []string{"/", "/a/b", m.root} {
				if dir, ok := m.reach(group); ok && !within(m.point, dir) {
					t.Fatalf("%s is reached at %s, outside of %s", group, dir, m.point)
				}
			}
		}
	})
}

func FuzzMembership(f *testing.F) {
	f.Add([]byte("4:memory:/a:b\n2:cpu,cpuacct:/\n1:name=systemd:/x\n0::/user.slice\n"))
	f.Add([]byte("0::/../..\n5:pids:/x (deleted)\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := parseMembership(data)
		for controller, group := range m.v1 {
			if path.Clean(group) != group || group[0] != '/' || controller == "" {
				t.Fatalf("%q in %q", controller, group)
			}
		}
		if m.unified != "" && !plain(m.unified) {
			t.Fatalf("unified %q", m.unified)
		}
	})
}

func FuzzState(f *testing.F) {
	f.Add([]byte("7 (a) b) (c) S 1 7 7 0 -1 4 5 0 0 0 1 2 0 0 20 0 1 0 1234 5 6"))
	f.Add([]byte("7 () Z"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, ok := parseState(data); ok && !strings.Contains(string(data), ")") {
			t.Fatal("accepted without a name")
		}
	})
}

func FuzzOwner(f *testing.F) {
	f.Add("host-1-2-3-0123abcd")
	f.Add("supervisor-99999999999-2-3-0123abcd")
	f.Fuzz(func(t *testing.T, name string) {
		if o, ok := parseOwner(name); ok && (o.pid <= 0 || o.pid > math.MaxInt32) {
			t.Fatalf("%q gives %+v", name, o)
		}
	})
}

func FuzzProcs(f *testing.F) {
	f.Add([]byte("1\n20\n20\n3\n"))
	f.Add([]byte("-1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		procs, err := parseProcs(data)
		if err == nil && (!slices.IsSorted(procs) || len(procs) > 0 && procs[0] < 0) {
			t.Fatalf("%v", procs)
		}
	})
}

func FuzzKeyed(f *testing.F) {
	f.Add([]byte("usage_usec 12\nmax 3\n"))
	f.Add([]byte("max max\n x 1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for key := range parseKeyed(data) {
			if !strings.Contains(string(data), key+" ") {
				t.Fatalf("%q is not in the file", key)
			}
		}
	})
}
