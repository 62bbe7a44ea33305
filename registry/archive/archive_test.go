// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/klauspost/compress/zstd"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// manifestOf is a complete manifest for an executable.
func manifestOf(executable string) string {
	m := manifest.Manifest{
		Name: "scaler", Version: "1.2.0", Summary: "scales columns", Licence: "Apache-2.0", Protocols: []int{1},
		Executable: "scaler", Digest: digest(sha256.Sum256([]byte(executable))), Grants: []manifest.Grant{},
	}
	data, err := m.Encode()
	if err != nil {
		panic(err)
	}
	return string(data)
}

// plugin is the files of a small plugin, by name.
func plugin() map[string]string {
	return map[string]string{
		"manifest.json": manifestOf("#!run\n"), "scaler": "#!run\n", "LICENSE": "free",
		"lib/a.so": strings.Repeat("machine code ", 1000), "lib/deep/b.txt": "", "lib-2/c": "x", "data/Größe.csv": "1,2\n",
		"data/" + strings.Repeat("long", 30) + "/" + strings.Repeat("n", 90): "long name",
	}
}

// lay writes files to a new directory in the order of the names, or against it.
func lay(t testing.TB, files map[string]string, backwards bool) string {
	t.Helper()
	dir := t.TempDir()
	order := slices.Sorted(maps.Keys(files))
	if backwards {
		slices.Reverse(order)
	}
	for _, name := range order {
		path := filepath.Join(dir, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(path), 0o777))
		mode := fs.FileMode(0o644)
		if name == "scaler" || strings.HasSuffix(name, ".so") {
			mode = 0o755
		}
		must(t, os.WriteFile(path, []byte(files[name]), mode))
	}
	return dir
}

func pack(t testing.TB, dir string) ([]byte, Packed) {
	t.Helper()
	var out bytes.Buffer
	p, err := Pack(dir, &out, Options{})
	must(t, err)
	return out.Bytes(), p
}

// read is every file below a directory.
func read(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		out[filepath.ToSlash(name)] = string(data)
		return err
	}))
	return out
}

func decompress(t testing.TB, data []byte) []byte {
	t.Helper()
	dec, err := zstd.NewReader(bytes.NewReader(data))
	must(t, err)
	defer dec.Close()
	out, err := io.ReadAll(dec)
	must(t, err)
	return out
}

// fresh is a directory that is not there yet, removed in the end.
func fresh(t testing.TB) string {
	dir := filepath.Join(t.TempDir(), "new")
	t.Cleanup(func() { _ = Remove(dir) })
	return dir
}

func TestRoundTrip(t *testing.T) {
	files := plugin()
	data, packed := pack(t, lay(t, files, false))
	dir := fresh(t)
	u, err := Unpack(t.Context(), bytes.NewReader(data), dir, Limits{Bytes: packed.Bytes, Unpacked: packed.Unpacked})
	must(t, err)
	if got := read(t, dir); !maps.Equal(got, files) {
		t.Errorf("%q", got)
	}
	h1, err := HashDir(dir)
	must(t, err)
	if h1 != packed.H1 || h1 != u.H1 || u.Bytes != packed.Unpacked || !maps.Equal(u.Files, packed.Files) {
		t.Errorf("%+v\n%+v\n%s", u, packed, h1)
	}
	p := packed.Platform()
	if p.Archive != digest(sha256.Sum256(data)) || p.Bytes != int64(len(data)) || p.Executable != u.Manifest.Digest || p.H1 != h1 {
		t.Errorf("%+v", p)
	}
	modes(t, dir)
}

// modes wants what was unpacked to be read-only.
func modes(t *testing.T, dir string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		return
	}
	for name, want := range map[string]fs.FileMode{
		"scaler": 0o555, "LICENSE": 0o444, "lib/a.so": 0o555, "lib": 0o555, "lib/deep": 0o555, ".": 0o755,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// TestTarAgreesWithTheStandardLibrary reads and writes the tar stream with
// archive/tar, which knows nothing of this package.
func TestTarAgreesWithTheStandardLibrary(t *testing.T) {
	files := plugin()
	data, _ := pack(t, lay(t, files, false))
	stream := decompress(t, data)
	var again bytes.Buffer
	w := tar.NewWriter(&again)
	got := map[string]string{}
	for r := tar.NewReader(bytes.NewReader(stream)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		content, err := io.ReadAll(r)
		must(t, err)
		got[h.Name] = string(content)
		if strings.Contains(h.Name, "Größe") {
			continue // the library writes such names with PAX
		}
		must(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: h.Name, Size: h.Size, Mode: h.Mode, Format: tar.FormatUSTAR, ModTime: time.Unix(0, 0)}))
		_, err = w.Write(content)
		must(t, err)
	}
	must(t, w.Close())
	if !maps.Equal(got, files) {
		t.Errorf("%q", got)
	}
	delete(files, "data/Größe.csv")
	ours, _ := pack(t, lay(t, files, false))
	if !bytes.Equal(decompress(t, ours), again.Bytes()) {
		t.Error("archive/tar writes the same files in another way")
	}
}

func TestLimits(t *testing.T) {
	data, p := pack(t, lay(t, plugin(), false))
	for _, limits := range []Limits{{Bytes: p.Bytes - 1}, {Unpacked: p.Unpacked - 1}, {Unpacked: p.Unpacked + 1}, {Bytes: 1}} {
		dir := fresh(t)
		_, err := Unpack(t.Context(), bytes.NewReader(data), dir, limits)
		refused(t, fmt.Sprint(limits), err, RuleLimit, "bytes")
		gone(t, dir)
	}
}

func gone(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left: %v", dir, err)
	}
}

func TestTooManyFiles(t *testing.T) {
	x := &extraction{names: newNames(), sums: map[string]Sum{}, execs: map[string]bool{}}
	for i := range MaxFiles {
		e := entry{name: fmt.Sprintf("f%06d", i)}
		must(t, x.allow(e))
		x.sums[e.name] = Sum{}
	}
	refused(t, "files", x.allow(entry{name: "g"}), RuleLimit, "10000 files")
}

// TestErrorsOfTheReader keeps an archive that did not arrive apart from one that
// is wrong.
func TestErrorsOfTheReader(t *testing.T) {
	data, _ := pack(t, lay(t, plugin(), false))
	broken := errors.New("connection lost")
	dir := fresh(t)
	_, err := Unpack(t.Context(), io.MultiReader(bytes.NewReader(data[:len(data)/2]), iotest.ErrReader(broken)), dir, Limits{})
	if _, isRefused := errors.AsType[*RefusedError](err); isRefused || !errors.Is(err, broken) {
		t.Error(err)
	}
	gone(t, dir)
	_, err = Unpack(t.Context(), iotest.OneByteReader(bytes.NewReader(data)), dir, Limits{})
	must(t, err)
	_, err = Unpack(t.Context(), bytes.NewReader(data), dir, Limits{})
	if !errors.Is(err, fs.ErrExist) || len(read(t, dir)) != len(plugin()) {
		t.Error("a directory that is there is taken or removed", err)
	}
}

func TestCancel(t *testing.T) {
	data, _ := pack(t, lay(t, plugin(), false))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := fresh(t)
	if _, err := Unpack(ctx, bytes.NewReader(data), dir, Limits{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	gone(t, dir)
}

// TestABombEndsWithItsContext unpacks an archive of a few hundred kilobytes with
// files of 8 GiB, which are allowed.
func TestABombEndsWithItsContext(t *testing.T) {
	bomb := rleFrame(entry{name: "a", size: MaxFile}, 1<<16)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	dir := fresh(t)
	begin := time.Now()
	if _, err := Unpack(ctx, bytes.NewReader(bomb), dir, Limits{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if d := time.Since(begin); d > time.Minute {
		t.Errorf("it took %s", d)
	}
	gone(t, dir)
}

// rleFrame is a header followed by so many blocks of 128 KiB of zeros, each four
// bytes long.
func rleFrame(e entry, blocks int) []byte {
	out := []byte{0x28, 0xB5, 0x2F, 0xFD, 0x04, 13 << 3} // a checksum follows, window of 8 MiB
	raw := uint32(blockSize << 3)
	out = append(out, byte(raw), byte(raw>>8), byte(raw>>16))
	out = append(out, e.header()[:]...)
	rle := uint32(maxBlock<<3 | 1<<1)
	for range blocks {
		out = append(out, byte(rle), byte(rle>>8), byte(rle>>16), 0)
	}
	return out
}

func TestRemove(t *testing.T) {
	data, _ := pack(t, lay(t, plugin(), false))
	dir := fresh(t)
	_, err := Unpack(t.Context(), bytes.NewReader(data), dir, Limits{})
	must(t, err)
	must(t, os.Chmod(dir, 0o555))
	must(t, Remove(dir))
	gone(t, dir)
	must(t, Remove(dir))
}

func TestParseH1(t *testing.T) {
	sum := sha256.Sum256(nil)
	h1 := H1(map[string]Sum{"a": sum})
	if got, err := ParseH1(h1); err != nil || got == (Sum{}) {
		t.Error(got, err)
	}
	for _, wrong := range []string{"", "h1:", h1[3:], h1 + "=", h1[:len(h1)-1], "h1:" + strings.Repeat("*", 44), h1[:20] + "\n" + h1[20:], strings.Replace(h1, "h1:", "H1:", 1)} {
		if _, err := ParseH1(wrong); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}
