// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

func open(t *testing.T, file string) *ledger {
	t.Helper()
	l, err := openLedger(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	return l
}

// TestManyAtOnce adds lines and takes every other one back; no line of another is
// lost on the way.
func TestManyAtOnce(t *testing.T) {
	_, file := place(t, "")
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() {
			l := open(t, file)
			e := entry{ID: fmt.Sprintf("%026d", i), Rows: int64(i)}
			if err := l.add(t.Context(), e); err != nil {
				t.Error(err)
			}
			if i%2 == 0 {
				if err := l.takeBack(t.Context(), e.ID); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	left := entries(t, file)
	if len(left) != 20 {
		t.Errorf("%d lines are left", len(left))
	}
	for _, e := range left {
		if e.Rows%2 == 0 {
			t.Errorf("line %d was taken back and is there", e.Rows)
		}
	}
}

// TestALineThatWasCutOff is ended, so that the next one stands alone.
func TestALineThatWasCutOff(t *testing.T) {
	_, file := place(t, "{\"id\":\"TORN")
	l := open(t, file)
	if err := l.add(t.Context(), entry{ID: "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(read(t, file), "\n"); len(lines) != 3 || lines[0] != "{\"id\":\"TORN" || !strings.HasPrefix(lines[1], "{\"id\":\"ABC") {
		t.Errorf("the ledger is %q", lines)
	}
}

func TestTheLockIsWaitedForAndGivenUp(t *testing.T) {
	_, file := place(t, "")
	held, err := os.OpenFile(file+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := tryLock(held); !got || err != nil {
		t.Fatalf("the lock cannot be had: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*lockPause)
	defer cancel()
	l := open(t, file)
	if err := l.add(ctx, entry{ID: "A"}); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a locked ledger was changed: %v", err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a line was added without the lock")
	}
	done := make(chan error)
	go func() { done <- l.add(t.Context(), entry{ID: "A"}) }()
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("after the lock was given back: %v", err)
	}
}

// FuzzWithout takes lines out of any file: all others stay as they are.
func FuzzWithout(f *testing.F) {
	f.Add([]byte("{\"id\":\"A\"}\n{\"id\":\"B\"}\n"), "A")
	f.Add([]byte("{\"id\":\"A\"}{\"id\":\"A\"}\r\n\xff\n{\"id\":\"A\""), "A")
	f.Add([]byte("{\"ID\":\"A\",\"id\":1}\n\n[]"), "")
	f.Fuzz(func(t *testing.T, data []byte, id string) {
		rest, found := without(data, id)
		if found == bytes.Equal(rest, data) {
			t.Fatalf("found is %v, and %q became %q", found, data, rest)
		}
		if again, more := without(rest, id); more || !bytes.Equal(again, rest) {
			t.Fatalf("a second time takes more: %q became %q", rest, again)
		}
		left := slices.Collect(bytes.Lines(data))
		for line := range bytes.Lines(rest) {
			for len(left) > 0 && !bytes.Equal(left[0], line) {
				left = left[1:]
			}
			if len(left) == 0 {
				t.Fatalf("%q is no line of %q, or in another order", line, data)
			}
			left = left[1:]
		}
	})
}
