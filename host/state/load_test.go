// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	container "github.com/bulkhead-ml/bulkhead/sdk/state"
)

// loadVariable makes the test binary a host that puts and removes without end in
// a directory.
const loadVariable = "BULKHEAD_TEST_LOAD_STATE"

func init() {
	dir := os.Getenv(loadVariable)
	if dir == "" {
		return
	}
	s := Open(dir)
	for i := 0; ; i++ {
		e, err := s.Put([]byte(strings.Repeat(fmt.Sprint(i%7), 1<<16)), Origin{Run: fmt.Sprint(os.Getpid())})
		if err != nil {
			continue // the other host removed it at the same time
		}
		if i%3 == 0 {
			_, _ = s.Remove(e.Digest) // the other host may have
		}
	}
}

// TestKillsUnderLoad kills hosts that share a store at random times while this
// one reads: every state that is listed is complete.
func TestKillsUnderLoad(t *testing.T) {
	s := Open(filepath.Join(t.TempDir(), "states"))
	rounds, read := 6, 0
	if testing.Short() {
		rounds = 2
	}
	for range rounds {
		var hosts []*exec.Cmd
		for range 2 {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), loadVariable+"="+s.dir)
			must(t, cmd.Start())
			hosts = append(hosts, cmd)
		}
		begin, least := time.Now(), time.Duration(50+rand.IntN(150))*time.Millisecond
		for seen := 0; time.Since(begin) < least || seen < 10 && time.Since(begin) < 2*time.Minute; {
			n := readAll(t, s, true)
			seen, read = seen+n, read+n
		}
		for _, cmd := range hosts {
			must(t, cmd.Process.Kill())
			_ = cmd.Wait() // it was killed
		}
		read += readAll(t, s, false)
	}
	if read < 10 {
		t.Errorf("only %d states were read", read)
	}
	s.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	_, err := s.Sweep(SweepOptions{})
	must(t, err)
	if left := files(t, s.dir); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}

// readAll reads every state. Others may remove them meanwhile.
func readAll(t *testing.T, s *Store, others bool) int {
	t.Helper()
	list, err := s.List(Filter{})
	must(t, err)
	for _, e := range list {
		data, _, err := s.Get(e.Digest)
		if others && is[*NotFoundError](err) || others && os.IsNotExist(err) {
			continue
		}
		if err != nil || len(data) != 1<<16 {
			t.Fatalf("%d bytes, %v", len(data), err)
		}
	}
	return len(list)
}

// TestDiffOfNulls wants elements that go missing, or come, counted apart from
// those that change.
func TestDiffOfNulls(t *testing.T) {
	build := func(add func(*container.Writer, []bool), valid ...bool) []byte {
		w := container.New(container.Header{Kernel: "k", Version: 1})
		add(w, valid)
		w.Nulls("x", valid)
		data, err := w.Bytes()
		must(t, err)
		return data
	}
	for name, add := range map[string]func(*container.Writer, []bool){
		"float64": func(w *container.Writer, v []bool) { w.Floats("x", make([]float64, len(v))) },
		"float32": func(w *container.Writer, v []bool) { w.Floats32("x", make([]float32, len(v))) },
		"int64":   func(w *container.Writer, v []bool) { w.Ints("x", make([]int64, len(v))) },
		"int32":   func(w *container.Writer, v []bool) { w.Ints32("x", make([]int32, len(v))) },
		"uint64":  func(w *container.Writer, v []bool) { w.Uints("x", make([]uint64, len(v))) },
		"uint8":   func(w *container.Writer, v []bool) { w.Blob("x", make([]byte, len(v))) },
		"bool":    func(w *container.Writer, v []bool) { w.Bools("x", v) },
		"utf8":    func(w *container.Writer, v []bool) { w.Strings("x", make([]string, len(v))) },
	} {
		a, b := build(add, true, false, false, true), build(add, true, true, false, false)
		d := Compare(a, b)
		if len(d.Changed) != 1 || d.Changed[0].Elements != 2 || d.Changed[0].First != 1 || d.Changed[0].NonFinite != 2 || d.Changed[0].MaxAbs != "" {
			t.Errorf("%s: %+v", name, d.Changed)
		}
		if stats := Describe(a).Arrays[0]; stats.Nulls != 2 || stats.Elements != 4 || stats.Min == "" {
			t.Errorf("%s: %+v", name, stats)
		}
	}
}

// TestLargestDifference looks for the place, in every type of number.
func TestLargestDifference(t *testing.T) {
	build := func(add func(*container.Writer)) []byte {
		w := container.New(container.Header{Kernel: "k", Version: 1})
		add(w)
		data, err := w.Bytes()
		must(t, err)
		return data
	}
	type found struct {
		Max      json.Number
		At       int
		Elements int
	}
	for name, tt := range map[string]struct {
		a, b func(*container.Writer)
		want found
	}{
		"float64": {func(w *container.Writer) { w.Floats("x", []float64{1, 2, 3}) }, func(w *container.Writer) { w.Floats("x", []float64{1.5, -2, 3}) }, found{"4", 1, 2}},
		"float32": {func(w *container.Writer) { w.Floats32("x", []float32{0, 0.25}) }, func(w *container.Writer) { w.Floats32("x", []float32{0, 0.5}) }, found{"0.25", 1, 1}},
		"int64":   {func(w *container.Writer) { w.Ints("x", []int64{1 << 62, 0}) }, func(w *container.Writer) { w.Ints("x", []int64{1<<62 + 1, 3}) }, found{"3", 1, 2}},
		"near":    {func(w *container.Writer) { w.Ints("x", []int64{1 << 62, 1 << 62}) }, func(w *container.Writer) { w.Ints("x", []int64{0, 1<<62 - 1}) }, found{"4611686018427387904", 0, 2}},
		"int32":   {func(w *container.Writer) { w.Ints32("x", []int32{-1 << 31}) }, func(w *container.Writer) { w.Ints32("x", []int32{1<<31 - 1}) }, found{"4294967295", 0, 1}},
		"uint8":   {func(w *container.Writer) { w.Blob("x", []byte{0, 255}) }, func(w *container.Writer) { w.Blob("x", []byte{255, 255}) }, found{"255", 0, 1}},
		"zeros":   {func(w *container.Writer) { w.Floats("x", []float64{0}) }, func(w *container.Writer) { w.Floats("x", []float64{math.Copysign(0, -1)}) }, found{"0", 0, 1}},
	} {
		c := Compare(build(tt.a), build(tt.b)).Changed[0]
		got := found{c.MaxAbs, c.At, c.Elements}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&NotFoundError{Ref: "ab", Dir: "/states"}, "bulkhead state list"},
		{&AmbiguousError{Ref: "ab", Digests: []string{"sha256:ab01", "sha256:ab02"}}, "write more digits"},
		{&RefError{Ref: "XY"}, "at least 4"},
		{&DigestError{What: "/states/x", Want: "a", Have: "b"}, "get it again"},
		{&ImportError{Reason: "it was cut"}, "not imported: it was cut"},
	} {
		if text := tt.err.Error(); !strings.Contains(text, tt.want) || strings.Contains(text, "!") {
			t.Errorf("%q, want %q in it", text, tt.want)
		}
	}
}

// BenchmarkPut keeps a state of 1 MiB that is new each time.
func BenchmarkPut(b *testing.B) {
	s := newStore(b)
	data := make([]byte, 1<<20)
	b.SetBytes(int64(len(data)))
	for i := 0; b.Loop(); i++ {
		data[0], data[1], data[2] = byte(i), byte(i>>8), byte(i>>16)
		if _, err := s.Put(data, from("r1")); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGet reads and verifies a state of 1 MiB.
func BenchmarkGet(b *testing.B) {
	s := newStore(b)
	e, err := s.Put(make([]byte, 1<<20), from("r1"))
	must(b, err)
	b.SetBytes(1 << 20)
	for b.Loop() {
		if _, _, err := s.Get(e.Digest); err != nil {
			b.Fatal(err)
		}
	}
}
