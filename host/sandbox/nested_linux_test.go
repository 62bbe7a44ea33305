// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A grant may lie in another one, whatever the order in which they are asked for.
func TestNestedGrants(t *testing.T) {
	outer := writeTree(t, map[string]string{"etc/name": "outer", "etc/empty": "", "sub/x": "x"})
	inner := writeTree(t, map[string]string{"name": "inner"})
	s, _ := look(t, "read:/target/etc/name,read:/target/etc/empty,read:/target/sub/name", func(s *Spec) {
		s.Binds = []Bind{
			{Source: filepath.Join(inner, "name"), Target: "/target/etc/empty"},
			{Source: inner, Target: "/target/sub"},
			{Source: outer, Target: "/target"},
		}
	})
	want := map[string]string{"read:/target/etc/name": "ok outer", "read:/target/etc/empty": "ok inner", "read:/target/sub/name": "ok inner"}
	for command, text := range want {
		if s.Results[command] != text {
			t.Errorf("%s: %q, want %q", command, s.Results[command], text)
		}
	}
}

// Nothing is ever created in a granted tree, and a link in it leads nowhere else.
func TestNestedGrantChangesNothing(t *testing.T) {
	outer := writeTree(t, map[string]string{"etc/name": "outer", "link": "-> etc"})
	for target, errno := range map[string]error{"/target/new": syscall.EROFS, "/target/link/name": syscall.ELOOP} {
		spec, _, finish := testSpec(t, "fds:")
		spec.Binds = []Bind{{Source: outer, Target: "/target"}, {Source: filepath.Join(outer, "etc/name"), Target: target}}
		_, err := Launch(context.Background(), spec)
		finish()
		var bind *BindError
		if !errors.As(err, &bind) || bind.Bind.Target != target || !errors.Is(err, errno) {
			t.Errorf("%s: %v, want %v", target, err, errno)
		}
	}
	if _, err := os.Lstat(filepath.Join(outer, "new")); !os.IsNotExist(err) {
		t.Errorf("the machine was changed: %v", err)
	}
}

// The whole machine can be granted; it stays read-only down to every mount in it.
func TestWholeMachine(t *testing.T) {
	s, _ := look(t, "list:/target/etc,list:/target/proc/self,write:/target/dev/shm/sandbox-probe,write:/target/tmp/sandbox-probe,write:/target/dev/null", func(s *Spec) {
		s.Binds = []Bind{{Source: "/", Target: "/target"}}
	})
	for command, result := range s.Results {
		if writes := strings.HasPrefix(command, "write:"); writes == strings.HasPrefix(result, "ok") && command != "list:/target/proc/self" {
			t.Errorf("%s: %s", command, result)
		}
	}
}

// A directory and a file cannot stand in for each other.
func TestKindsMustAgree(t *testing.T) {
	tree := writeTree(t, map[string]string{"dir/x": "", "file": ""})
	spec, _, finish := testSpec(t, "fds:")
	defer finish()
	spec.Binds = []Bind{{Source: tree, Target: "/target"}, {Source: filepath.Join(tree, "dir"), Target: "/target/file"}}
	var bind *BindError
	if _, err := Launch(context.Background(), spec); !errors.As(err, &bind) {
		t.Errorf("a directory was bound over a file: %v", err)
	}
}
