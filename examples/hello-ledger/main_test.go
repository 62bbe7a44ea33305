// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// TestContract holds the plugin to the contract as it is, and with a ledger.
func TestContract(t *testing.T) {
	t.Run("without a ledger", func(t *testing.T) { plugintest.Test(t, plugintest.InProcess(info, service)) })
	_, file := place(t, "")
	t.Run("with a ledger", func(t *testing.T) { plugintest.Test(t, plugintest.InProcess(info, writing(file))) })
	if len(entries(t, file)) == 0 {
		t.Error("the ledger is empty")
	}
}

// writing serves the kernel with a ledger.
func writing(file string) *kernel.Service {
	k := record
	k.New = func(s *kernel.Setup) (kernel.Instance, error) {
		instance, err := newRecorder(s)
		if err == nil {
			instance.(*recorder).opt.Ledger = file
		}
		return instance, err
	}
	return kernel.Serve(k)
}

// place is a directory for a ledger, and the path of that.
func place(t *testing.T, lines string) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	file = filepath.Join(dir, "runs.jsonl")
	if lines != "" {
		err := os.WriteFile(file, []byte(lines), 0o640)
		if err == nil {
			err = os.Chmod(file, 0o640) // whatever the mask of this process
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir, file
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

var rows = arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, nil)

// note passes three rows on with some settings. The rows that came out must be
// those that went in.
func note(t *testing.T, opt settings) error {
	t.Helper()
	config, err := json.Marshal(opt)
	if err != nil {
		t.Fatal(err)
	}
	b := array.NewInt64Builder(memory.DefaultAllocator)
	b.AppendValues([]int64{1, 2, 3}, nil)
	in := array.NewRecordBatch(rows, []arrow.Array{b.NewArray()}, 3)
	instance, err := newRecorder(kernel.NewSetup(rows, config))
	if err != nil {
		return err
	}
	out := kernel.NewWriter(func(batch arrow.RecordBatch) error {
		if !array.RecordEqual(in, batch) {
			t.Errorf("%v became %v", in, batch)
		}
		return nil
	})
	_, err = instance.(kernel.Transformer).Transform(t.Context(), kernel.FromBatches(rows, in), out)
	if err == nil && out.Rows() != 3 {
		t.Errorf("%d rows came out", out.Rows())
	}
	return err
}

// client talks to a plugin as the host does, about a ledger.
func client(t *testing.T, file string) (pluginv1.KernelServiceClient, *pluginv1.Open) {
	t.Helper()
	p, err := plugintest.InProcess(info, service).Start(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Stop() })
	schema, err := table.EncodeSchema(rows)
	if err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(settings{Ledger: file})
	if err != nil {
		t.Fatal(err)
	}
	return pluginv1.NewKernelServiceClient(p.Conn), &pluginv1.Open{Kernel: "record", Schema: schema, ConfigJson: config}
}

// transform passes a table without rows on.
func transform(t *testing.T, file string) *pluginv1.Result {
	t.Helper()
	c, open := client(t, file)
	stream, err := c.Transform(t.Context())
	if err == nil {
		err = stream.Send(&pluginv1.TransformRequest{Message: &pluginv1.TransformRequest_Open{Open: open}})
	}
	if err == nil {
		err = stream.CloseSend()
	}
	for err == nil {
		var resp *pluginv1.TransformResponse
		if resp, err = stream.Recv(); resp.GetResult() != nil {
			return resp.GetResult()
		}
	}
	t.Fatal(err)
	return nil
}

func undo(t *testing.T, file, token string) error {
	t.Helper()
	c, open := client(t, file)
	resp, err := c.Undo(t.Context(), &pluginv1.UndoRequest{Open: open, Token: []byte(token)})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range resp.GetDiagnostics() {
		return errors.New(d.GetSummary() + ": " + d.GetDetail())
	}
	return nil
}

// entries are the lines of a ledger.
func entries(t *testing.T, name string) []entry {
	t.Helper()
	var out []entry
	for line := range strings.Lines(read(t, name)) {
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		out = append(out, e)
	}
	return out
}

func TestALineForEachTable(t *testing.T) {
	_, file := place(t, "")
	for _, text := range []string{"first", "second\nline"} {
		if err := note(t, settings{Ledger: file, Note: text}); err != nil {
			t.Fatal(err)
		}
	}
	got := entries(t, file)
	if len(got) != 2 || got[0].Note != "first" || got[1].Note != "second\nline" || got[1].Rows != 3 || got[0].ID == got[1].ID || got[0].At.IsZero() {
		t.Errorf("the ledger says %+v", got)
	}
}

// TestUndoTakesExactlyItsLine whatever stands around it, and as often as asked.
func TestUndoTakesExactlyItsLine(t *testing.T) {
	const strange = "{\"id\":\"OTHER\"}\n\nnot JSON at all\r\n"
	dir, file := place(t, strange)
	if err := note(t, settings{Ledger: file}); err != nil {
		t.Fatal(err)
	}
	mine := read(t, file)[len(strange):]
	if err := note(t, settings{Ledger: file, Note: "later"}); err != nil {
		t.Fatal(err)
	}
	whole := read(t, file)
	var e entry
	if err := json.Unmarshal([]byte(mine), &e); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := undo(t, file, e.ID); err != nil {
			t.Fatal(err)
		}
		if got, want := read(t, file), strings.Replace(whole, mine, "", 1); got != want {
			t.Errorf("the ledger is\n%s\nwant\n%s", got, want)
		}
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm()&0o077 != 0o040 && os.PathSeparator == '/' {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*.new")); names != nil {
		t.Errorf("left behind: %v", names)
	}
}

func TestUndoWithoutLedger(t *testing.T) {
	dir, file := place(t, "")
	if err := undo(t, file, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"); err != nil {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(dir, "runs.jsonl.lock")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := undo(t, file, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("without the directory nobody knows what is there: %v", err)
	}
}

func TestUndoRefusesForeignTokens(t *testing.T) {
	_, file := place(t, "{\"id\":\"\"}\n")
	for _, token := range []string{"", "x", "../../etc/passwd", strings.Repeat("a", 26), "\x00\xff"} {
		if err := undo(t, file, token); err == nil || !strings.Contains(err.Error(), "nothing was changed") {
			t.Errorf("token %q: %v", token, err)
		}
	}
	if got := read(t, file); got != "{\"id\":\"\"}\n" {
		t.Errorf("the ledger is %q", got)
	}
}

// TestTheTokenIsThereFirst also when the line could not be added.
func TestTheTokenIsThereFirst(t *testing.T) {
	_, file := place(t, "")
	if err := os.Mkdir(file, 0o700); err != nil { // no file can be opened in its place
		t.Fatal(err)
	}
	result := transform(t, file)
	if !idForm.Match(result.GetUndoToken()) || len(result.GetDiagnostics()) != 1 {
		t.Fatalf("the result is %v", result)
	}
	text := result.GetDiagnostics()[0].GetDetail()
	if !strings.Contains(text, "was not added") || !strings.Contains(text, file) {
		t.Errorf("it says %q", text)
	}
	if err := undo(t, file, string(result.GetUndoToken())); err == nil {
		t.Error("a ledger that cannot be read is taken for one without the line")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := undo(t, file, string(result.GetUndoToken())); err != nil {
		t.Errorf("undoing a line that was never there: %v", err)
	}
}

func TestPlacesThatAreNone(t *testing.T) {
	dir := t.TempDir()
	for _, file := range []string{"", ".", "x", "../x", dir + "/a/../x", dir + "/gone/x"} {
		r := &recorder{opt: settings{Ledger: file}}
		_, err := r.open()
		d, ok := errors.AsType[*diag.Diagnostic](err)
		if !ok || strings.Join(d.Path, ".") != "ledger" || d.Detail == "" {
			t.Errorf("%q: %v", file, d)
		}
	}
	r := &recorder{opt: settings{Ledger: filepath.Join(dir, "x")}}
	l, err := r.open()
	if err != nil {
		t.Fatalf("a directory that is there: %v", err)
	}
	l.close()
}

// TestInASandbox the machine lies below a directory that the host names.
func TestInASandbox(t *testing.T) {
	machine := t.TempDir()
	if err := os.Mkdir(filepath.Join(machine, "ledger"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv(handshake.EnvTargetRoot, machine)
	file := string(filepath.Separator) + filepath.Join("ledger", "runs.jsonl")
	if !filepath.IsAbs(file) {
		t.Skip("no path of this system begins with its separator")
	}
	if err := note(t, settings{Ledger: file}); err != nil {
		t.Fatal(err)
	}
	if got := entries(t, filepath.Join(machine, file)); len(got) != 1 {
		t.Errorf("the ledger says %+v", got)
	}
	err := note(t, settings{Ledger: filepath.FromSlash("/gone/runs.jsonl")})
	if err == nil || strings.Contains(err.Error(), machine) {
		t.Errorf("the message should name the user's path: %v", err)
	}
}
