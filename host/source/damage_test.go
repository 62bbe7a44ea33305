// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
)

// refusal opens a file and reads it, and returns the error.
func refusal(t *testing.T, spec Spec, d Decoder) *Error {
	t.Helper()
	tab, err := Open(context.Background(), spec, d)
	if err == nil {
		for _, err = range tab.Batches(context.Background()) {
			if err != nil {
				break
			}
		}
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("error %v", err)
	}
	return e
}

// TestCarriageReturns are refused where they would join the rows of a file.
func TestCarriageReturns(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		line    int
	}{
		"instead of line feeds": {"a,b\r1,2\r3,4\r", 1},
		"one column":            {"a\r1\r2\r", 1},
		"amid the rows":         {"a,b\n1,2\r3,4\n", 2},
		"one column, amid":      {"a\n1\n2\r3\n", 3},
		"twice at the end":      {"a,b\r\r\n1,2\r\r\n", 1},
		"beside quotes":         {"a,b\n\"x\",2\r3\n", 2},
	} {
		e := refusal(t, Spec{Path: write(t, c.content)}, nil)
		if e.Line != c.line || !strings.Contains(e.Detail, "tr ") {
			t.Errorf("%s: error %v", name, e)
		}
	}
	tab, err := Open(context.Background(), Spec{Path: write(t, "a,b\r\n\"x\ry\",2\r\n")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := rows(t, tab); got[0][0] != "x\ry" {
		t.Errorf("rows %q", got)
	}
}

// TestShrunkWhileItIsRead cuts a file in the middle of a row that is not read
// yet: its writer is at fault, not the row.
func TestShrunkWhileItIsRead(t *testing.T) {
	path := write(t, "a,b\n"+strings.Repeat("1,2\n", 400000))
	tab, err := Open(context.Background(), Spec{Path: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for batch, err := range tab.Batches(context.Background()) {
		if err != nil {
			if e, ok := errors.AsType[*Error](err); !ok || !strings.Contains(e.Summary, "changed") {
				t.Errorf("error %v", err)
			}
			return
		}
		if batch.NumRows() > 0 {
			if err := os.Truncate(path, 4*300000+1); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Error("no error")
}

// cutter is a decoder that fails at a file which somebody cuts.
type cutter struct{ lister }

func (c *cutter) Read(ctx context.Context, kernel string, config []byte, file *os.File, out dataplane.Output) error {
	if err := os.Truncate(file.Name(), 1); err != nil {
		return err
	}
	return c.lister.Read(ctx, kernel, config, file, out)
}

// TestErrorsOfTheReaderNameTheFile, whichever kind they are.
func TestErrorsOfTheReaderNameTheFile(t *testing.T) {
	refused := diag.Errorf("Broken Parquet file", "No magic bytes.")
	lost := &dataplane.TransportError{Op: "transform", Code: codes.Unavailable, Message: "out of memory"}
	for summary, c := range map[string]struct {
		decoder Decoder
		cause   error
	}{
		"Broken Parquet file":                 {&lister{fail: refused}, refused},
		"Reader that was lost":                {&lister{fail: lost}, lost},
		"File that changed while it was read": {&cutter{lister{fail: refused}}, nil},
	} {
		spec := Spec{Path: write(t, "a\n1\n"), Format: Parquet}
		e := refusal(t, spec, c.decoder)
		if e.Summary != summary || e.Path != spec.Path || c.cause != nil && !errors.Is(e, c.cause) {
			t.Errorf("%s: error %v", summary, e)
		}
	}
}

// TestErrorsOfADownloadNameItsAddress, which the user has written.
func TestErrorsOfADownloadNameItsAddress(t *testing.T) {
	address := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("a,b\n1\n")) }))
	e := refusal(t, Spec{URL: address + "/x?key=geheim", Download: allowed(t)}, nil)
	if e.Path != address+"/x?..." || e.Line != 2 || e.Summary != "Ragged row" {
		t.Errorf("error %v", e)
	}
}

// TestWindowThatIsTooLarge is a frame that wants 2 GiB of memory.
func TestWindowThatIsTooLarge(t *testing.T) {
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x01, 0x00, 0x00}
	e := refusal(t, Spec{Path: write(t, string(frame))}, nil)
	if e.Summary != "Compressed file that needs too much memory" || !strings.Contains(e.Detail, "--long") {
		t.Errorf("error %v", e)
	}
}

// TestDriftBehindTheSample has what the first look at a file cannot see.
func TestDriftBehindTheSample(t *testing.T) {
	csv, lines := "a,b\n"+strings.Repeat("1,2\n", 100), strings.Repeat("{\"a\":1}\n", 100)
	for name, c := range map[string]struct {
		format, content, summary, says string
	}{
		"text":          {CSV, csv + "1,x\n", "Value of another type", `types = { b = "string" }`},
		"fraction":      {CSV, csv + "1,2.5\n", "Value of another type", `types = { b = "float64" }`},
		"large integer": {CSV, csv + "1,99999999999999999999\n", "Value of another type", `types = { b = "string" }`},
		"fields":        {CSV, csv + "1\n", "Ragged row", "1 field, and the header names 2 columns"},
		"open quote":    {CSV, csv + "1,\"2\n", "Quote without an end", "Close it"},
		"old encoding":  {CSV, csv + "1,\xff\n", "Text that is not UTF-8", "0xff"},
		"zero byte":     {CSV, csv + "1,\x00\n", "Binary file", "zero byte"},
		"new key":       {JSONL, lines + "{\"a\":1,\"k\":true}\n", "Unknown key", `types = { k = "bool" }`},
		"string":        {JSONL, lines + "{\"a\":\"x\"}\n", "Value of another type", `types = { a = "string" }`},
		"array":         {JSONL, lines + "{\"a\":[1]}\n", "Nested value", "Flatten"},
		"no object":     {JSONL, lines + "[1]\n", "Line that is no JSON object", "begins with {"},
		"key twice":     {JSONL, lines + "{\"a\":1,\"a\":1}\n", "Key that stands twice", "Keep one"},
	} {
		e := refusal(t, Spec{Path: write(t, c.content), Format: c.format, sample: 64}, nil)
		line := 101
		if c.format == CSV {
			line++ // its header
		}
		if e.Summary != c.summary || e.Line != line || !strings.Contains(e.Detail, c.says) {
			t.Errorf("%s: error %v", name, e)
		}
	}
}

// TestFactsOfADecodedTable come from the file, and not from the plugin.
func TestFactsOfADecodedTable(t *testing.T) {
	path := write(t, "a\n1\n")
	tab, err := Open(context.Background(), Spec{Path: path, Format: Arrow}, &lister{})
	if err != nil {
		t.Fatal(err)
	}
	digest, err := tab.Digest(context.Background())
	if err != nil || !strings.HasPrefix(digest, "sha256:") || tab.Bytes() != 4 || tab.Path() != path || tab.Rows() != -1 || tab.BlankLines() != 0 {
		t.Errorf("%s, %v; %d bytes in %s", digest, err, tab.Bytes(), tab.Path())
	}
}

func TestUnreadable(t *testing.T) {
	for says, err := range map[string]error{"Check the path": os.ErrNotExist, "Change its permissions": os.ErrPermission, "device": errors.New("device")} {
		if got := unreadable("/x", err); !errors.Is(got, err) || !strings.Contains(got.Error(), says) {
			t.Errorf("error %v does not say %q", got, says)
		}
	}
}
