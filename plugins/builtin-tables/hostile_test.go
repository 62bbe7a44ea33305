// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
)

// childKey of the environment makes this binary a child that reads what it is
// given: a plugin's process without the wire. Its memory is bounded, as a
// sandbox's is.
const childKey = "TABLES_TEST_CHILD"

func TestMain(m *testing.M) {
	if kernelName := os.Getenv(childKey); kernelName != "" {
		boundMemory()
		if err := serveChild(kernelName, os.Stdin, os.Stdout); err != nil && !errors.Is(err, io.EOF) {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// serveChild answers each file with a byte: r for read, e for an error.
func serveChild(kernelName string, in io.Reader, out io.Writer) error {
	f, err := os.CreateTemp("", "tables-test-*")
	if err != nil {
		return err
	}
	if err := os.Remove(f.Name()); err != nil {
		return err
	}
	for {
		var size uint32
		if err := binary.Read(in, binary.LittleEndian, &size); err != nil {
			return err
		}
		if err := f.Truncate(0); err != nil {
			return err
		}
		if _, err := io.CopyN(io.NewOffsetWriter(f, 0), in, int64(size)); err != nil {
			return err
		}
		answer := []byte{'r'}
		if readHostile(kernelName, f) != nil {
			answer[0] = 'e'
		}
		if _, err := out.Write(answer); err != nil {
			return err
		}
	}
}

// readHostile reads a file as the SDK would run the kernel: a panic is an error.
func readHostile(name string, f *os.File) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	var t testing.T
	none := arrow.NewSchema(nil, nil)
	k := instance(&t, name, "", "input", f, none)
	_, err = k.Transform(context.Background(), kernel.FromBatches(none), kernel.NewWriter(func(b arrow.RecordBatch) error {
		for _, c := range b.Columns() {
			for i := range c.Len() {
				_ = c.ValueStr(i)
			}
		}
		return nil
	}))
	return err
}

// child is a process that reads files and may die of them.
type child struct {
	kernel string
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	deaths int
}

func (c *child) start() error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	c.cmd = exec.CommandContext(context.Background(), exe)
	c.cmd.Env = append(os.Environ(), childKey+"="+c.kernel)
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	c.out = bufio.NewReader(out)
	return c.cmd.Start()
}

func (c *child) stop() {
	if c.cmd != nil {
		_ = c.in.Close() // which ends it
		_ = c.cmd.Wait() // it may have died
		c.cmd = nil
	}
}

// patience is how long a small file may take.
const patience = 2 * time.Minute

// ask has the child read a file: r, e, or d when it died.
func (c *child) ask(file []byte) (byte, error) {
	if c.cmd == nil {
		if err := c.start(); err != nil {
			return 0, err
		}
	}
	hang := time.AfterFunc(patience, func() { _ = c.cmd.Process.Kill() })
	message := binary.LittleEndian.AppendUint32(nil, uint32(len(file)))
	_, err := c.in.Write(append(message, file...))
	var answer byte
	if err == nil {
		answer, err = c.out.ReadByte()
	}
	if !hang.Stop() {
		c.stop()
		return 0, fmt.Errorf("%s hangs on a file of %d bytes", c.kernel, len(file))
	}
	if err != nil {
		c.deaths++
		c.stop()
		return 'd', nil
	}
	return answer, nil
}

// seeds are the files that are broken, by the kernel that reads them.
var seeds = map[string][]string{
	"read_parquet": {"types.parquet", "v1.parquet", "groups.parquet"},
	"read_arrow":   {"types.arrow", "stream.arrows", "refused-struct.arrow"},
	"read_sqlite":  {"types.sqlite", "mixed.sqlite"},
}

// TestBrokenFiles breaks good files in many ways: each gives rows, an error, or
// a death of a process that is made to die alone. None hangs.
func TestBrokenFiles(t *testing.T) {
	count := 300
	if os.Getenv("BULKHEAD_LONG_TESTS") != "" {
		count = 20000
	}
	for name, files := range seeds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &child{kernel: name}
			defer c.stop()
			r, answers := rand.New(rand.NewPCG(1, 2)), map[byte]int{}
			for i := range count {
				seed, err := os.ReadFile(filepath.Join("testdata", files[i%len(files)]))
				if err != nil {
					t.Fatal(err)
				}
				answer, err := c.ask(spoil(r, seed))
				if err != nil {
					t.Fatal(err)
				}
				answers[answer]++
			}
			t.Logf("of %d files %d were read, %d refused, and %d killed the process", count, answers['r'], answers['e'], answers['d'])
			if answers['e'] == 0 {
				t.Error("no broken file was refused")
			}
		})
	}
}

// spoil changes, cuts, repeats or blanks a few bytes.
func spoil(r *rand.Rand, file []byte) []byte {
	out := append([]byte(nil), file...)
	for range 1 + r.IntN(4) {
		at := r.IntN(len(out))
		switch r.IntN(6) {
		case 0:
			out[at] ^= 1 << r.IntN(8)
		case 1:
			out[at] = 0xff
		case 2:
			out = out[:at+1]
		case 3:
			end := min(len(out), at+r.IntN(64))
			clear(out[at:end])
		case 4:
			if at+4 <= len(out) {
				binary.LittleEndian.PutUint32(out[at:], r.Uint32())
			}
		case 5:
			end := min(len(out), at+r.IntN(64))
			out = append(out[:end:end], out[at:]...)
		}
	}
	return out
}

func TestFilesThatAreNone(t *testing.T) {
	for name, kind := range map[string]string{"read_parquet": "Parquet", "read_arrow": "Arrow", "read_sqlite": "SQLite"} {
		for _, content := range []string{"", "x", "PAR1", "ARROW1\x00\x00", "SQLite format 3\x00", strings.Repeat("\x00", 5000), strings.Repeat("a,b\n1,2\n", 100)} {
			path := filepath.Join(t.TempDir(), "a")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			// Nothing at all is a database without tables.
			_, err := read(t, name, "", path)
			if err == nil || !strings.Contains(err.Error(), kind) && !strings.Contains(err.Error(), "able") {
				t.Errorf("%s of %.20q: error %v", name, content, err)
			}
		}
	}
}

func FuzzReadParquet(f *testing.F) { fuzzRead(f, "read_parquet") }
func FuzzReadArrow(f *testing.F)   { fuzzRead(f, "read_arrow") }
func FuzzReadSQLite(f *testing.F)  { fuzzRead(f, "read_sqlite") }

// fuzzRead has a child read what the fuzzer finds. The bytes kill the child at
// worst.
func fuzzRead(f *testing.F, name string) {
	for _, file := range seeds[name] {
		seed, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	c := &child{kernel: name}
	f.Cleanup(c.stop)
	f.Fuzz(func(t *testing.T, file []byte) {
		if _, err := c.ask(file); err != nil {
			t.Fatal(err)
		}
	})
}
