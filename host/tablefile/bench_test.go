// SPDX-License-Identifier: Apache-2.0

package tablefile

import (
	"os"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
)

// benchBatches is how many batches a file of the benchmarks has: about 60 MB, so
// that pages are at hand when the file is written anew. A virtual machine that
// has to ask for each page writes some 0.4 GB/s, whoever writes.
const benchBatches = 8

func benchBytes(b arrow.RecordBatch) int64 { return 8 * b.NumRows() * b.NumCols() }

// BenchmarkAppend writes files one after the other into pages that the system
// has at hand; BenchmarkRawWrite is what the system takes of that.
func BenchmarkAppend(b *testing.B) {
	b.Run("create", func(b *testing.B) { benchmarkAppend(b, Create) })
	b.Run("spill", func(b *testing.B) { benchmarkAppend(b, Spill) })
}

func benchmarkAppend(b *testing.B, create func(*os.File, *arrow.Schema) (*Writer, error)) {
	batch := floats(60_000, 16)
	f := empty(b)
	var w *Writer
	b.SetBytes(benchBytes(batch))
	for i := 0; b.Loop(); i++ {
		if i%benchBatches == 0 {
			b.StopTimer()
			again(b, f)
			var err error
			w, err = create(f, batch.Schema())
			must(b, err)
			b.StartTimer()
		}
		must(b, w.Append(batch))
	}
}

// BenchmarkRawWrite writes the same bytes without anything around.
func BenchmarkRawWrite(b *testing.B) {
	data := alignedBytes(8 * 60_000 * 16)
	f := empty(b)
	b.SetBytes(int64(len(data)))
	for i := 0; b.Loop(); i++ {
		if i%benchBatches == 0 {
			b.StopTimer()
			again(b, f)
			b.StartTimer()
		}
		_, err := f.WriteAt(data, int64(i%benchBatches)*int64(len(data)))
		must(b, err)
	}
}

// again empties a file, after the system took its pages back.
func again(b *testing.B, f *os.File) {
	b.Helper()
	must(b, f.Truncate(0))
}

// BenchmarkRead reads a file in order that the page cache has.
func BenchmarkRead(b *testing.B) {
	for name, batch := range map[string]arrow.RecordBatch{
		"floats": floats(60_000, 16), "small": floats(160, 50), "mixed": rowsOf(0, 40_000),
	} {
		b.Run(name, func(b *testing.B) {
			f := empty(b)
			w, err := Create(f, batch.Schema())
			must(b, err)
			for range benchBatches {
				must(b, w.Append(batch))
			}
			s, err := w.Close()
			must(b, err)
			r, err := Open(f)
			must(b, err)
			b.SetBytes(s.Bytes / benchBatches)
			for i := 0; b.Loop(); i++ {
				got, err := r.Batch(i % benchBatches)
				must(b, err)
				got.Release()
			}
		})
	}
}

// BenchmarkDigest is the part of an Append that runs beside the rest.
func BenchmarkDigest(b *testing.B) {
	for name, batch := range map[string]arrow.RecordBatch{"floats": floats(60_000, 16), "mixed": rowsOf(0, 40_000)} {
		b.Run(name, func(b *testing.B) {
			w, err := Create(empty(b), batch.Schema())
			must(b, err)
			must(b, w.Append(batch))
			buf := buffers.get(int(w.list[0].length+63) &^ 63)
			must(b, w.fill(buf, 0, w.list[0]))
			b.SetBytes(int64(len(buf)))
			for b.Loop() {
				w.digest.add(buf, int(batch.NumRows()))
			}
		})
	}
}

// BenchmarkChecksum is CRC-32C by itself.
func BenchmarkChecksum(b *testing.B) {
	data := alignedBytes(1 << 20)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		checksum(data)
	}
}
