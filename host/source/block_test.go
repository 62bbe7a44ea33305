// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// recordsOf reads every record of a text.
func recordsOf(t *testing.T, in io.Reader, quotes bool) ([]string, error) {
	t.Helper()
	b := newBlock(context.Background(), "x", in)
	var out []string
	for {
		record, err := b.record(quotes)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out = append(out, string(record))
	}
}

// TestBlockHowever gives the same records however the text arrives.
func TestBlockHowever(t *testing.T) {
	long := strings.Repeat("long ", blockBytes/4)
	text := "a,b\n1,\"two\nlines\"\r\n\n" + long + "\nlast"
	want := []string{"a,b", "1,\"two\nlines\"", "", long, "last"}
	for name, in := range map[string]io.Reader{
		"at once":      strings.NewReader(text),
		"by halves":    iotest.HalfReader(strings.NewReader(text)),
		"with its end": iotest.DataErrReader(strings.NewReader(text)),
		"with a mark":  strings.NewReader("\xef\xbb\xbf" + text),
	} {
		got, err := recordsOf(t, in, true)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%s: %d records, %v", name, len(got), err)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: record %d is %.40q, want %.40q", name, i, got[i], want[i])
			}
		}
	}
}

func TestBlockBytewise(t *testing.T) {
	got, err := recordsOf(t, iotest.OneByteReader(strings.NewReader("a\r\n\"x\ny\",\"\"\"\"\n\n")), true)
	if err != nil || strings.Join(got, "|") != "a|\"x\ny\",\"\"\"\"|" {
		t.Errorf("records %q, %v", got, err)
	}
	got, err = recordsOf(t, strings.NewReader("\"a\nb\n"), false)
	if err != nil || strings.Join(got, "|") != "\"a|b" {
		t.Errorf("without quotes: records %q, %v", got, err)
	}
}

func TestBlockLinesAndBytes(t *testing.T) {
	b := newBlock(context.Background(), "x", strings.NewReader("\xef\xbb\xbfa\n\"b\nc\"\nd"))
	for _, want := range []struct {
		line     int
		consumed int64
	}{{1, 2}, {2, 8}, {4, 9}} {
		if _, err := b.record(true); err != nil || b.line != want.line || b.consumed != want.consumed {
			t.Errorf("line %d, %d bytes, %v; want %+v", b.line, b.consumed, err, want)
		}
	}
}

func TestBlockErrors(t *testing.T) {
	broken := errors.New("broken disk")
	if _, err := recordsOf(t, io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)), true); !errors.Is(err, broken) || !strings.Contains(err.Error(), "x:2") {
		t.Errorf("error %v", err)
	}
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	b := newBlock(ctx, "x", iotest.ErrReader(context.Canceled))
	if _, err := b.record(true); !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
	edge := strings.Repeat("y", MaxRecordBytes)
	if got, err := recordsOf(t, strings.NewReader(edge+"\n"), true); err != nil || len(got) != 1 {
		t.Errorf("%d records of the largest size, %v", len(got), err)
	}
	if _, err := recordsOf(t, strings.NewReader(edge+"y\n"), true); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("error %.100v", err)
	}
}
