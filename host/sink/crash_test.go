// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// steps of a sink with one batch, in order.
var steps = []string{"create", "write", "flush", "sync", "digest", "rename", "sync directory"}

// TestMain lets the tests run this binary as a child that dies at a step.
func TestMain(m *testing.M) {
	if step := os.Getenv("SINK_TEST_DIES_AT"); step != "" {
		die(step, os.Getenv("SINK_TEST_PATH"))
		os.Exit(3)
	}
	os.Exit(m.Run())
}

// die writes a file and kills this process before a step.
func die(step, path string) {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		panic(err)
	}
	spec := Spec{Path: path, fail: func(at string) error {
		if at == step {
			_ = self.Kill() // it does not return
			select {}
		}
		return nil
	}}
	var t testing.T
	_, err = put(&t, spec, nil, batchOf(&t, everything, rowsJSON))
	fmt.Fprintln(os.Stderr, err)
}

// TestKilled kills a child before each step: the target is the old file or the
// new one, complete, and
// what the child left is gone after the next one.
func TestKilled(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	reference := filepath.Join(t.TempDir(), "new.csv")
	if _, err := put(t, Spec{Path: reference}, nil, batchOf(t, everything, rowsJSON)); err != nil {
		t.Fatal(err)
	}
	for _, step := range steps {
		t.Run(step, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.csv")
			if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
			child := exec.CommandContext(context.Background(), exe)
			child.Env = append(os.Environ(), "SINK_TEST_DIES_AT="+step, "SINK_TEST_PATH="+path)
			out, err := child.CombinedOutput()
			if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() == 3 {
				t.Fatalf("the child ended with %v: %s", err, out)
			}
			want := "old"
			if step == "sync directory" {
				want = read(t, reference)
			}
			if got := read(t, path); got != want {
				t.Errorf("the file holds %q", got)
			}
			if _, err := put(t, Spec{Path: path}, nil, batchOf(t, everything, rowsJSON)); err != nil {
				t.Fatal(err)
			}
			only(t, filepath.Dir(path), "x.csv") // the next sink clears up
		})
	}
}

// TestFailpoints fails each step: nothing is left but the target, and the steps
// are those that TestKilled sweeps.
func TestFailpoints(t *testing.T) {
	broken := errors.New("broken")
	var seen []string
	for _, step := range steps {
		dir := t.TempDir()
		path := filepath.Join(dir, "x.csv")
		if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		seen = nil
		_, err := put(t, Spec{Path: path, fail: func(at string) error {
			seen = append(seen, at)
			if at == step {
				return broken
			}
			return nil
		}}, nil, batchOf(t, everything, rowsJSON))
		if !errors.Is(err, broken) {
			t.Errorf("%s: error %v", step, err)
		}
		if got := read(t, path); (got == "old") != (step != "sync directory") {
			t.Errorf("%s: the file holds %q", step, got)
		}
		only(t, dir, "x.csv")
	}
	if strings.Join(seen, ",") != strings.Join(steps, ",") {
		t.Errorf("the steps are %q", seen)
	}
}
