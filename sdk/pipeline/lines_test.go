// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestLines cuts the same text at every place.
func TestLines(t *testing.T) {
	const text = "one\r\n\ntwo and\nthree"
	for cut := range len(text) {
		var got []string
		w := &lineWriter{max: 10, take: func(line []byte) error { got = append(got, string(line)); return nil }}
		for _, part := range []string{text[:cut], text[cut:]} {
			if n, err := w.Write([]byte(part)); err != nil || n != len(part) {
				t.Fatalf("%d: %d, %v", cut, n, err)
			}
		}
		if !slices.Equal(got, []string{"one", "", "two and"}) || string(w.part) != "three" {
			t.Errorf("%d: %q and %q", cut, got, w.part)
		}
	}
}

func TestLongLines(t *testing.T) {
	for _, text := range []string{strings.Repeat("x", 11), strings.Repeat("x", 11) + "\n", "short\n" + strings.Repeat("x", 11)} {
		w := &lineWriter{max: 10, take: func([]byte) error { return nil }}
		_, err := w.Write([]byte(text))
		if wrong, ok := errors.AsType[*ProtocolError](err); !ok || wrong.Line != strings.Count(strings.TrimSuffix(text, "\n"), "\n")+1 || len(w.part) > 10 {
			t.Errorf("%q: %v", text, err)
		}
	}
	w := &lineWriter{max: 10, take: func([]byte) error { return nil }}
	for range 10 {
		if _, err := w.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("a line that grows byte by byte has no bound")
	}
}

func TestTail(t *testing.T) {
	w := tail{keep: 5}
	for _, part := range []string{"abc", "", "defgh", "i\n"} {
		if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
			t.Error(n, err)
		}
	}
	if w.String() != "fghi" || len(w.last) != 5 {
		t.Errorf("tail = %q", w.String())
	}
}

// TestJournalBounded: a year of progress takes no more room than its last word.
func TestJournalBounded(t *testing.T) {
	j := newJournal()
	j.add(&Event{Kind: RunStarted})
	for i := range 100_000 {
		j.add(&Event{Kind: Progressed, Node: []string{"a", "b"}[i%2], Progress: &Progress{Rows: int64(i)}})
		if len(j.entries) > 200 {
			t.Fatalf("%d entries after %d events", len(j.entries), i)
		}
	}
	j.close()
	var rows []int64
	for e := range j.follow(t.Context()) {
		if e.Progress != nil {
			rows = append(rows, e.Progress.Rows)
		}
	}
	if !slices.Equal(rows, []int64{99_998, 99_999}) {
		t.Errorf("rows = %v", rows)
	}
}

// TestJournalFollowers: a follower that keeps up sees everything, in order.
func TestJournalFollowers(t *testing.T) {
	j := newJournal()
	seen := make(chan string)
	for range 3 {
		go func() {
			text := ""
			for e := range j.follow(context.Background()) {
				text += e.Node
			}
			seen <- text
		}()
	}
	for _, node := range strings.Split("abcdefgh", "") {
		j.add(&Event{Kind: NodeEnded, Node: node})
		time.Sleep(time.Millisecond)
	}
	j.close()
	for range 3 {
		if got := <-seen; got != "abcdefgh" {
			t.Errorf("saw %q", got)
		}
	}
}

// FuzzLines: no line that is handed on is longer than allowed, and none is lost.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nb\r\n\nc"), 2)
	f.Fuzz(func(t *testing.T, text []byte, step int) {
		var got []string
		w := &lineWriter{max: 20, take: func(line []byte) error {
			if len(line) > 20 {
				t.Fatalf("line of %d bytes", len(line))
			}
			got = append(got, string(line))
			return nil
		}}
		step = max(1, step%16)
		for at := 0; at < len(text); at += step {
			if _, err := w.Write(text[at:min(at+step, len(text))]); err != nil {
				return
			}
		}
		if want := strings.Count(string(text), "\n"); len(got) != want {
			t.Fatalf("%d lines of %d", len(got), want)
		}
	})
}
