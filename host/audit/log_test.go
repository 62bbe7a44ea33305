// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "audit")
	write(t, dir, len(life), nil)
	intact(t, dir, len(life))
	for i, r := range records(t, dir, Query{}) {
		got, err := r.Event()
		want := life[i].event
		if d, ok := want.(Death); ok {
			want = d
		}
		if err != nil || !reflect.DeepEqual(got, want) || r.Plugin != life[i].plugin || r.Seq != uint64(i+1) || r.Host != testHost {
			t.Errorf("record %d is %+v (%v), want %+v", i+1, got, err, want)
		}
		for _, c := range r.Raw() {
			if c < ' ' || c > '~' {
				t.Fatalf("record %d holds byte %#x", i+1, c)
			}
		}
	}
}

func TestANilLogDoesNothing(t *testing.T) {
	var l *Log
	r := l.Append("gpu", Launch{})
	if err := errors.Join(r.Wait(context.Background()), r.Admit(context.Background()), l.Rotate(context.Background(), "x"), l.Err(), l.Close()); err != nil {
		t.Error(err)
	}
	if l.Anchor() != (Anchor{}) || r.Anchor() != (Anchor{}) {
		t.Error("an anchor of nothing")
	}
}

func TestFilesAreForNobodyElse(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has access lists in the place of modes")
	}
	dir := filepath.Join(t.TempDir(), "audit")
	must(t, os.MkdirAll(dir, 0o777))
	must(t, os.Chmod(dir, 0o777))
	write(t, dir, 1, nil)
	for name, want := range map[string]fs.FileMode{"": 0o700 | fs.ModeDir, fileName(1): 0o600, headName: 0o600, lockName: 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode() != want {
			t.Errorf("%q has mode %v, error %v, want %v", name, info.Mode(), err, want)
		}
	}
}

func TestHostFillsItselfIn(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(dir, Host{Version: "1"})
	must(t, err)
	must(t, l.Append("", Rotation{}).Wait(context.Background()))
	must(t, l.Close())
	h := records(t, dir, Query{})[0].Host
	if h.PID != os.Getpid() || len(h.Run) != 16 || h.User == "" || h.Version != "1" {
		t.Errorf("host %+v", h)
	}
}

// TestManyHostsAtOnce has several logs of the same directory write from several
// goroutines each.
func TestManyHostsAtOnce(t *testing.T) {
	dir := t.TempDir()
	const hosts, workers, each = 4, 3, 20
	var wg sync.WaitGroup
	for h := range hosts {
		l := opened(t, dir, smallFiles)
		for w := range workers {
			wg.Go(func() {
				for i := range each {
					if err := l.Append("p", numbered(h*workers+w, i)).Wait(context.Background()); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	intact(t, dir, hosts*workers*each)
	inOrder(t, dir, hosts*workers*each)
}

// inOrder wants the records of each writer once and in its order.
func inOrder(t *testing.T, dir string, n int) {
	t.Helper()
	next := map[string]int{}
	all := records(t, dir, Query{Kind: KindDenial})
	for _, r := range all {
		var d Denial
		must(t, json.Unmarshal(r.Data, &d))
		worker, number, _ := strings.Cut(d.What, "/")
		if want := next[worker]; number != jsonNumber(want) {
			t.Errorf("writer %s: record %s, want %d", worker, number, want)
		}
		next[worker]++
	}
	if len(all) != n {
		t.Errorf("%d records, want %d", len(all), n)
	}
}

func jsonNumber(n int) string {
	data, _ := json.Marshal(n) // an int always encodes
	return string(data)
}

func TestRotation(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, 40, smallFiles)
	v := intact(t, dir, 40)
	if v.Files < 4 {
		t.Errorf("%d files", v.Files)
	}
	for n := 1; n <= v.Files; n++ {
		if info, err := os.Stat(filepath.Join(dir, fileName(n))); err != nil || info.Size() > 6<<10 {
			t.Errorf("file %d: %v, %v", n, info, err)
		}
	}
	l := opened(t, dir, nil)
	must(t, l.Rotate(context.Background(), "on demand"))
	must(t, l.Close())
	after := intact(t, dir, 41)
	if after.Files != v.Files+1 {
		t.Errorf("%d files after a rotation of %d", after.Files, v.Files)
	}
	if l.Anchor() != after.Anchor {
		t.Errorf("anchor %v, the log's is %v", l.Anchor(), after.Anchor)
	}
}

func TestRotationOfAnEmptyLogKeepsItsFile(t *testing.T) {
	dir := t.TempDir()
	l := opened(t, dir, nil)
	must(t, l.Rotate(context.Background(), "on demand"))
	if v := intact(t, dir, 1); v.Files != 1 {
		t.Errorf("%d files", v.Files)
	}
}

func TestReceipts(t *testing.T) {
	dir := t.TempDir()
	l := opened(t, dir, nil)
	a, b := l.Append("gpu", life[0].event), l.Append("gpu", life[1].event)
	must(t, b.Wait(context.Background()))
	must(t, a.Wait(context.Background()))
	if r := records(t, dir, Query{}); a.Anchor() != (Anchor{1, r[0].Hash}) || b.Anchor() != (Anchor{2, r[1].Hash}) {
		t.Errorf("anchors %v, %v", a.Anchor(), b.Anchor())
	}
	must(t, l.Close())
	must(t, l.Close())
	if err := l.Append("gpu", life[0].event).Wait(context.Background()); !errors.Is(err, ErrClosed) {
		t.Errorf("error %v", err)
	}
}

// TestGroupCommit holds the first batch at the disk: all that comes meanwhile
// shares the second sync.
func TestGroupCommit(t *testing.T) {
	gate, syncs := make(chan struct{}), 0
	l := opened(t, t.TempDir(), func(c *chain) {
		c.fail = func(step string) error {
			if step == "syncing records" {
				<-gate
				syncs++
			}
			return nil
		}
	})
	receipts := []*Receipt{l.Append("p", numbered(0, 0))}
	waitQueue(t, l, 0)
	for i := range 100 {
		receipts = append(receipts, l.Append("p", numbered(0, i+1)))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := receipts[0].Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	close(gate)
	for _, r := range receipts {
		must(t, r.Wait(context.Background()))
	}
	must(t, l.Close())
	if syncs != 2 {
		t.Errorf("%d syncs for 101 records", syncs)
	}
}

// waitQueue waits until n records wait for the writer.
func waitQueue(t *testing.T, l *Log, n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		got := len(l.queue)
		l.mu.Unlock()
		if got == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d records wait, want %d", got, n)
		}
	}
}

func TestAHangingDiskDoesNotEatTheMemory(t *testing.T) {
	gate := make(chan struct{})
	l := opened(t, t.TempDir(), func(c *chain) {
		c.write = func(f *os.File, b []byte) (int, error) {
			<-gate
			return f.Write(b)
		}
	})
	big := Death{Detail: strings.Repeat("x", 4000)}
	var last *Receipt
	for range 2*maxQueue/4000 + 1 {
		last = l.Append("p", big)
	}
	if err := last.Wait(context.Background()); !errors.Is(err, ErrBusy) {
		t.Errorf("error %v", err)
	}
	close(gate)
	if err := l.Close(); !errors.Is(err, ErrBusy) {
		t.Errorf("error %v", err)
	}
	if lost := records(t, l.chain.dir, Query{Kind: KindLost}); len(lost) != 1 {
		t.Errorf("%d records of lost ones", len(lost))
	}
	verdict(t, l.chain.dir)
}
