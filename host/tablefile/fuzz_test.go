// SPDX-License-Identifier: Apache-2.0

package tablefile

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// FuzzFile opens files of strangers, as they are and with right checksums, which
// a fuzzer cannot find. What is read can be used in every way and written again.
func FuzzFile(f *testing.F) {
	for _, batch := range []arrow.RecordBatch{floats(3, 1), floats(1, 2), rowsOf(0, 1)} {
		file, _ := written(f, batch.Schema(), batch)
		data, err := os.ReadFile(file.Name())
		must(f, err)
		f.Add(data)
	}
	file, copied := empty(f), empty(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		sealed := append([]byte{}, data...)
		reseal(sealed)
		for _, text := range [][]byte{data, sealed} {
			must(t, file.Truncate(0))
			_, err := file.WriteAt(text, 0)
			must(t, err)
			use(t, file, copied)
		}
	})
}

// TestMutations is the same with a mutator that knows what is where, 3,000 times,
// or a million with BULKHEAD_LONG_TESTS=1.
func TestMutations(t *testing.T) {
	n := 3000
	if os.Getenv("BULKHEAD_LONG_TESTS") == "1" {
		n = 1_000_000
	}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	f, copied, good := empty(t), empty(t), bytesOf(t)
	read := 0
	for range n {
		data := append([]byte{}, good...)
		for range 1 + random.IntN(3) {
			mutate(random, data, len(good)-len(batch0(good)))
		}
		reseal(data)
		_, err := f.WriteAt(data, 0)
		must(t, err)
		if use(t, f, copied) {
			read++
		}
	}
	if read == 0 || read == n {
		t.Errorf("%d of %d files are read", read, n)
	}
}

// mutate changes a number somewhere, most often in the table of buffers of the
// first batch.
func mutate(random *rand.Rand, data []byte, first int) {
	at := random.IntN(len(data) - 8)
	if random.IntN(2) == 0 {
		at = first + random.IntN(64*18)/8*8
	}
	switch old := le.Uint64(data[at:]); random.IntN(4) {
	case 0:
		data[at] ^= 1 << random.IntN(8)
	case 1:
		le.PutUint64(data[at:], old+uint64(random.IntN(129))-64)
	case 2:
		le.PutUint64(data[at:], random.Uint64()>>random.IntN(64))
	case 3:
		le.PutUint32(data[at:], uint32(random.IntN(3)))
	}
}

// use reads a file and does with its batches what a host does,
// also writing them to another file. It reports whether all could be read.
func use(t *testing.T, f, copied *os.File) bool {
	r, err := Open(f)
	if err != nil {
		onlyDamage(t, err)
		return false
	}
	must(t, copied.Truncate(0))
	w, err := Spill(copied, r.Schema()) // without goroutines: a fuzzer wants one path for one input
	must(t, err)
	for batch, err := range r.Batches(context.Background()) {
		if err != nil {
			onlyDamage(t, err)
			return false
		}
		for _, col := range batch.Columns() {
			for i := range col.Len() {
				_ = col.ValueStr(i)
			}
		}
		if err := array.ValidateRecordFull(batch); err != nil {
			t.Fatalf("a batch is not valid: %v", err)
		}
		parts, err := table.Split(batch)
		must(t, err)
		release(parts)
		must(t, w.Append(batch))
		again, err := w.Batch(w.Len() - 1)
		must(t, err)
		if len(parts) == 1 && !array.RecordApproxEqual(batch, again, array.WithNaNsEqual(true), array.WithAbsTolerance(0)) {
			t.Fatalf("%v becomes %v", batch, again)
		}
		again.Release()
	}
	_, err = w.Close()
	must(t, err)
	return true
}

func onlyDamage(t *testing.T, err error) {
	if _, ok := errors.AsType[*DamageError](err); !ok {
		t.Fatalf("error %v", err)
	}
}
