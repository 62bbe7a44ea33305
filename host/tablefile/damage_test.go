// SPDX-License-Identifier: Apache-2.0

package tablefile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// readAll reads a file to its end.
func readAll(f *os.File) error {
	r, err := Open(f)
	if err != nil {
		return err
	}
	for _, err := range r.Batches(context.Background()) {
		if err != nil {
			return err
		}
	}
	return nil
}

// fileOf writes bytes to a file.
func fileOf(t testing.TB, data []byte) *os.File {
	t.Helper()
	f := empty(t)
	_, err := f.Write(data)
	must(t, err)
	return f
}

// bytesOf is a small table.
func bytesOf(t testing.TB) []byte {
	t.Helper()
	f, _ := written(t, everything, rowsOf(0, 5), rowsOf(5, 3))
	data, err := os.ReadFile(f.Name())
	must(t, err)
	return data
}

// wantDamage wants the typed error, with the name of the file.
func wantDamage(t *testing.T, f *os.File, what string) {
	t.Helper()
	err := readAll(f)
	e, ok := errors.AsType[*DamageError](err)
	if !ok || e.File != f.Name() || e.Part == "" || !strings.Contains(err.Error(), f.Name()) {
		t.Errorf("%s: error %v", what, err)
	}
}

// TestEveryBitCounts flips one bit of each byte: headers, schema, batches, their
// padding, index and trailer.
func TestEveryBitCounts(t *testing.T) {
	data := bytesOf(t)
	f := fileOf(t, data)
	must(t, readAll(f))
	parts := map[string]bool{}
	for i := range data {
		_, err := f.WriteAt([]byte{data[i] ^ 1<<(i%8)}, int64(i))
		must(t, err)
		err = readAll(f)
		if e, ok := errors.AsType[*DamageError](err); ok {
			parts[e.Part] = true
		} else {
			t.Errorf("byte %d: error %v", i, err)
		}
		_, err = f.WriteAt(data[i:i+1], int64(i))
		must(t, err)
	}
	for _, part := range []string{"header", "schema", "batch 0", "batch 1", "index", "trailer"} {
		if !parts[part] {
			t.Errorf("no damage is found in the %s, but in %v", part, parts)
		}
	}
}

// TestEveryLengthCounts cuts the file off everywhere, and makes it longer.
func TestEveryLengthCounts(t *testing.T) {
	data := bytesOf(t)
	f := fileOf(t, append(data, make([]byte, 200)...))
	for _, more := range []int{1, 16, 128, 200} {
		must(t, f.Truncate(int64(len(data)+more)))
		wantDamage(t, f, "more bytes")
	}
	for n := len(data) - 1; n >= 0; n-- {
		must(t, f.Truncate(int64(n)))
		wantDamage(t, f, "fewer bytes")
	}
}

// TestUnfinishedFiles are what a host that died leaves.
func TestUnfinishedFiles(t *testing.T) {
	f := empty(t)
	w, err := Create(f, everything)
	must(t, err)
	wantDamage(t, f, "only begun")
	must(t, w.Append(rowsOf(0, 100)))
	err = readAll(f)
	if e, ok := errors.AsType[*DamageError](err); !ok || e.Part != "trailer" || !strings.Contains(err.Error(), "not finished") {
		t.Errorf("error %v", err)
	}
}

// TestFilesThatShrink while they are read are damaged, too.
func TestFilesThatShrink(t *testing.T) {
	data := bytesOf(t)
	f := fileOf(t, data)
	r, err := Open(f)
	must(t, err)
	var noted []error
	r.NotifyDamage(func(err error) { noted = append(noted, err) })
	must(t, f.Truncate(int64(len(data)/2)))
	_, err = r.Batch(1)
	if e, ok := errors.AsType[*DamageError](err); !ok || e.Part != "batch 1" || !strings.Contains(err.Error(), "file ends") {
		t.Errorf("error %v", err)
	}
	if len(noted) != 1 || !errors.Is(noted[0], err) {
		t.Errorf("noted %v", noted)
	}
	if _, err := r.Batch(99); err == nil || len(noted) != 1 {
		t.Errorf("error %v, noted %v", err, noted)
	}
}

// forged is a file whose checksums are right although its content is not.
func forged(t *testing.T, change func([]byte)) []byte {
	t.Helper()
	data := bytesOf(t)
	change(data)
	reseal(data)
	return data
}

// reseal makes all checksums right that can be found.
func reseal(data []byte) {
	if len(data) < headerSize+trailerSize {
		return
	}
	tail := data[len(data)-trailerSize:]
	schema := headerSize + padded(int64(le.Uint32(data[12:])))
	if schema <= int64(len(data)) {
		le.PutUint32(data[16:], checksum(data[headerSize:schema]))
	}
	le.PutUint32(data[60:], checksum(data[:60]))
	le.PutUint32(tail[44:], checksum(data[:60]))
	end := uint64(len(data) - trailerSize)
	if index := le.Uint64(tail[24:]); index <= end {
		resealBatches(data, schema, data[index:end])
		le.PutUint32(tail[40:], checksum(data[index:end]))
	}
	le.PutUint32(tail[124:], checksum(tail[:124]))
}

func resealBatches(data []byte, at int64, index []byte) {
	for ; len(index) >= entrySize; index = index[entrySize:] {
		end := at + padded(int64(le.Uint32(index)))
		if end > int64(len(data)) {
			return
		}
		le.PutUint32(index[8:], checksum(data[at:end]))
		at = end
	}
}

// TestForgedFiles have right checksums and are refused nevertheless, without
// taking more memory than a file of their size may.
func TestForgedFiles(t *testing.T) {
	tail := func(data []byte) []byte { return data[len(data)-trailerSize:] }
	index := func(data []byte) []byte { return data[le.Uint64(tail(data)[24:]):] }
	for name, c := range map[string]struct {
		change func([]byte)
		part   string
	}{
		"version":           {func(d []byte) { d[8] = 2 }, "header"},
		"reserved, header":  {func(d []byte) { d[20] = 1 }, "header"},
		"huge schema":       {func(d []byte) { le.PutUint32(d[12:], 1<<32-1) }, "header"},
		"schema not ours":   {func(d []byte) { d[headerSize] = 0xff }, "schema"},
		"schema's padding":  {func(d []byte) { d[headerSize+padded(int64(le.Uint32(d[12:])))-1] = 1 }, "schema"},
		"many batches":      {func(d []byte) { le.PutUint64(tail(d)[8:], 1<<60) }, "trailer"},
		"index outside":     {func(d []byte) { le.PutUint64(tail(d)[24:], 1<<63) }, "trailer"},
		"index too early":   {func(d []byte) { le.PutUint64(tail(d)[24:], 0) }, "trailer"},
		"size":              {func(d []byte) { le.PutUint64(tail(d)[32:], 1) }, "trailer"},
		"rows":              {func(d []byte) { le.PutUint64(tail(d)[16:], 9) }, "index"},
		"reserved, trailer": {func(d []byte) { tail(d)[80] = 1 }, "trailer"},
		"reserved, entry":   {func(d []byte) { index(d)[12] = 1 }, "index"},
		"huge batch":        {func(d []byte) { le.PutUint32(index(d), 1<<32-1) }, "index"},
		"tiny batch":        {func(d []byte) { le.PutUint32(index(d), 1) }, "index"},
		"many rows":         {func(d []byte) { le.PutUint32(index(d)[4:], 1<<30) }, "index"},
		"other rows":        {func(d []byte) { le.PutUint32(index(d)[4:], 6); le.PutUint32(index(d)[20:], 2) }, "batch 0"},
		"buffer outside":    {func(d []byte) { le.PutUint64(batch0(d)[32:], 1<<40) }, "batch 0"},
		"kind":              {func(d []byte) { batch0(d)[0] = 2 }, "batch 0"},
	} {
		t.Run(name, func(t *testing.T) {
			f := fileOf(t, forged(t, c.change))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := readAll(f)
			runtime.ReadMemStats(&after)
			if e, ok := errors.AsType[*DamageError](err); !ok || e.Part != c.part {
				t.Errorf("error %v, want one in the %s", err, c.part)
			}
			if made := after.TotalAlloc - before.TotalAlloc; made > 1<<20 {
				t.Errorf("it took %d bytes", made)
			}
		})
	}
}

// batch0 is the first batch.
func batch0(data []byte) []byte { return data[headerSize+padded(int64(le.Uint32(data[12:]))):] }

// TestMixedFiles have the beginning of one table and the end of another.
func TestMixedFiles(t *testing.T) {
	a := bytesOf(t)
	other, _ := written(t, floats(1, 1).Schema())
	b, err := os.ReadFile(other.Name())
	must(t, err)
	mixed := append(append([]byte{}, b[:headerSize]...), a[headerSize:]...)
	wantDamage(t, fileOf(t, mixed), "another header")
}

// TestOtherFiles are no tables.
func TestOtherFiles(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "text": strings.Repeat("text\n", 100), "zeros": string(make([]byte, 4096))} {
		wantDamage(t, fileOf(t, []byte(text)), name)
	}
	wantDamage(t, fileOf(t, []byte(strings.ReplaceAll(string(bytesOf(t)), "\r\n", "\n"))), "sent as text")
	dir, err := os.Open(filepath.Dir(empty(t).Name()))
	must(t, err)
	defer dir.Close()
	if err := readAll(dir); err == nil {
		t.Error("a directory is a table")
	}
}
