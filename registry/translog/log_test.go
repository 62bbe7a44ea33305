// SPDX-License-Identifier: Apache-2.0

package translog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bulkhead-ml/bulkhead/registry/files"
)

// TestGrowth appends in steps around the width of a tile and follows the log as a
// client and as a monitor do.
func TestGrowth(t *testing.T) {
	store := newMemory()
	signer, key := pair(t, "registry.example/log", 1)
	l, err := Create(t.Context(), store, signer, key)
	must(t, err)
	client := &Verifier{Source: store, Key: key, State: t.TempDir() + "/checkpoint"}
	from := 0
	for _, to := range []int{0, 1, 2, 5, 255, 256, 257, 511, 513, 700} {
		appendTo(t, l, from, to)
		c, err := client.Update(t.Context())
		must(t, err)
		if c.Size != int64(to) {
			t.Fatalf("%d records, want %d", c.Size, to)
		}
		for _, i := range []int{0, from, to / 2, to - 1} {
			if i < 0 || i >= to {
				continue
			}
			if at, err := client.Included(t.Context(), made(i)); err != nil || at != int64(i) {
				t.Fatalf("of %d, release %d is at %d: %v", to, i, at, err)
			}
		}
		audited(t, store, to)
		from = to
	}
	_, err = client.Included(t.Context(), made(700))
	contains(t, err, "no record of that release")
}

func audited(t *testing.T, store *memory, size int) {
	t.Helper()
	_, key := pair(t, "registry.example/log", 1)
	n := 0
	c, err := Audit(t.Context(), store, key, func(i int64, e Entry) error {
		if want := fmt.Sprintf("1.%d.0", i); e.Version != want || int(i) != n {
			t.Errorf("record %d is %s %s", i, e.ID, e.Version)
		}
		n++
		return nil
	})
	must(t, err)
	if n != size || c.Size != int64(size) {
		t.Errorf("the audit saw %d of %d records", n, size)
	}
}

// TestOneTree: in whatever steps a log grows, its tree is the same.
func TestOneTree(t *testing.T) {
	a, b := newMemory(), newMemory()
	one, _ := grown(t, a, 600)
	two, _ := grown(t, b, 600, 1, 100, 256, 300, 512)
	x, err := one.Checkpoint(t.Context())
	must(t, err)
	y, err := two.Checkpoint(t.Context())
	must(t, err)
	if !x.same(y) {
		t.Errorf("%v and %v", x.Root, y.Root)
	}
}

// TestCrash fails an Append before each of its writes. The log then is the old
// one, and the next Append makes it the new one.
func TestCrash(t *testing.T) {
	whole := newMemory()
	grown(t, whole, 258, 254)
	writes := slices.Index(whole.puts[1:], CheckpointName) + 1 // those of the first step
	for stop := 0; stop < len(whole.puts)-writes-1; stop++ {
		store := newMemory()
		l, key := grown(t, store, 254)
		client := &Verifier{Source: store, Key: key}
		_, err := client.Update(t.Context())
		must(t, err)
		n := 0
		store.stop = func(string) error {
			if n++; n > stop {
				return errors.New("stop")
			}
			return nil
		}
		if _, err := l.Append(t.Context(), record(t, 254), record(t, 255), record(t, 256), record(t, 257)); err == nil {
			t.Fatalf("nothing failed at write %d", stop)
		}
		store.stop = nil
		audited(t, store, 254)
		recovers(t, client, l)
	}
}

// recovers appends other records than those of the Append that failed.
func recovers(t *testing.T, client *Verifier, l *Log) {
	t.Helper()
	appendTo(t, l, 300, 302)
	if c, err := client.Update(t.Context()); err != nil || c.Size != 256 {
		t.Fatal(c.Size, err)
	}
	if at, err := client.Included(t.Context(), made(301)); err != nil || at != 255 {
		t.Error(at, err)
	}
	if _, err := client.Included(t.Context(), made(256)); err == nil {
		t.Error("what was never committed is in the log")
	}
}

func TestAppendTwice(t *testing.T) {
	store := newMemory()
	l, _ := grown(t, store, 3)
	c, err := l.Append(t.Context(), record(t, 1), record(t, 3), record(t, 3))
	if err != nil || c.Size != 4 {
		t.Errorf("%d records, %v", c.Size, err)
	}
	other := made(1)
	other.Summary = "another text"
	r, err := Record(other)
	must(t, err)
	_, err = l.Append(t.Context(), r)
	var logged *LoggedError
	if !errors.As(err, &logged) || logged.Index != 1 || logged.Version != "1.1.0" {
		t.Error(err)
	}
	if _, err := l.Append(t.Context(), []byte("bulkhead release 1\n")); err == nil {
		t.Error("a malformed record is appended")
	}
	signer, key := pair(t, "registry.example/log", 1)
	_, err = Create(t.Context(), store, signer, key)
	contains(t, err, "has a log already")
	if _, err := Open(t.Context(), newMemory(), signer, key); !errors.Is(err, files.ErrNotExist) {
		t.Error(err)
	}
	_, other2 := pair(t, "registry.example/log", 2)
	_, err = Open(t.Context(), store, signer, other2)
	contains(t, err, "no signature of the log's key")
}

// TestDamagedStore: whoever appends proves what is there first, so that it does
// not sign what somebody changed.
func TestDamagedStore(t *testing.T) {
	for _, name := range []string{"log/tile/8/0/000.p/3", "log/tile/8/data/000.p/3"} {
		store := newMemory()
		grown(t, store, 3)
		signer, key := pair(t, "registry.example/log", 1)
		l, err := Open(t.Context(), store, signer, key)
		must(t, err)
		data := slices.Clone(store.data[name])
		data[len(data)-3] ^= 1
		store.data[name] = data
		if _, err := l.Append(t.Context(), record(t, 3)); err == nil {
			t.Errorf("%s was changed and the log goes on", name)
		}
	}
}

func TestSavedIsDamaged(t *testing.T) {
	store := newMemory()
	_, key := grown(t, store, 3)
	state := newFile(t, "garbage")
	_, err := (&Verifier{Source: store, Key: key, State: state}).Update(t.Context())
	contains(t, err, "is damaged")
}

func TestNotRead(t *testing.T) {
	store := newMemory()
	_, key := grown(t, store, 3)
	v := &Verifier{Source: store, Key: key, State: t.TempDir() + "/checkpoint"}
	_, err := v.Included(t.Context(), made(1))
	contains(t, err, "was not read yet")
	_, err = v.Update(t.Context())
	must(t, err)
	later := &Verifier{Source: store, Key: key, State: v.State}
	if at, err := later.Included(t.Context(), made(1)); at != 1 || err != nil {
		t.Error("the kept checkpoint does not count", err)
	}
	gone := &Verifier{Source: newMemory(), Key: key}
	var source *SourceError
	if _, err := gone.Update(t.Context()); !errors.As(err, &source) || !errors.Is(err, files.ErrNotExist) {
		t.Error(err)
	}
}

// TestAuditFinds shows a monitor what a client that asks for one release cannot
// see.
func TestAuditFinds(t *testing.T) {
	_, key := pair(t, "registry.example/log", 1)
	for name, c := range map[string]struct {
		want   string
		attack func(*memory)
	}{
		"a changed record": {"is not the one", func(m *memory) {
			m.data["log/tile/8/data/000"] = []byte(strings.Replace(string(m.data["log/tile/8/data/000"]), "1.7.0", "1.8.0", 1))
		}},
		"a record too few": {"a data tile holds a record without an end", func(m *memory) {
			m.data["log/tile/8/data/001.p/44"] = m.data["log/tile/8/data/001.p/44"][:1000]
		}},
		"a hidden record": {"its lookup does not say", func(m *memory) { m.data[LookupName("acme/scaler", "1.7.0")] = []byte("8\n") }},
	} {
		store := newMemory()
		grown(t, store, 300)
		c.attack(store)
		_, err := Audit(t.Context(), store, key, nil)
		if err == nil {
			t.Errorf("%s: the audit saw nothing", name)
		}
		contains(t, err, c.want)
	}
	stop := errors.New("enough")
	store := newMemory()
	grown(t, store, 3)
	if _, err := Audit(t.Context(), store, key, func(int64, Entry) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
}

func TestFrontier(t *testing.T) {
	var f frontier
	hashes := map[int64]tlog.Hash{}
	r := tlog.HashReaderFunc(func(x []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(x))
		for i, n := range x {
			out[i] = hashes[n]
		}
		return out, nil
	})
	for i := range int64(70) {
		want, err := tlog.TreeHash(i, r)
		must(t, err)
		if f.root() != want {
			t.Fatalf("the root of %d hashes differs", i)
		}
		data := fmt.Append(nil, i)
		stored, err := tlog.StoredHashes(i, data, r)
		must(t, err)
		for j, h := range stored {
			hashes[tlog.StoredHashIndex(0, i)+int64(j)] = h
		}
		f.add(tlog.RecordHash(data))
	}
}

func TestCacheIsBounded(t *testing.T) {
	var c tileCache
	for n := range int64(3 * cachedTiles) {
		c.put(tlog.Tile{H: height, N: n, W: 1}, nil)
	}
	if len(c.data) != cachedTiles {
		t.Errorf("%d tiles", len(c.data))
	}
}

func BenchmarkIncluded(b *testing.B) {
	store := newMemory()
	_, key := grown(b, store, 2000)
	v := &Verifier{Source: store, Key: key}
	_, err := v.Update(context.Background())
	must(b, err)
	for i := 0; b.Loop(); i++ {
		if _, err := v.Included(context.Background(), made(i%2000)); err != nil {
			b.Fatal(err)
		}
	}
}
