// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/source"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

func TestLedger(t *testing.T) {
	l := &ledger{max: 100}
	if err := l.take(60); err != nil {
		t.Fatal(err)
	}
	if e, ok := errors.AsType[*LimitError](l.take(41)); !ok || !strings.Contains(e.Detail, "100 B") {
		t.Errorf("error %v", e)
	}
	l.give(60)
	if err := l.take(100); err != nil || l.peak != 100 {
		t.Errorf("peak %d, error %v", l.peak, err)
	}
}

func TestMemoryTable(t *testing.T) {
	opened, err := source.Open(context.Background(), source.Spec{Path: csvFile(t, 10)})
	if err != nil {
		t.Fatal(err)
	}
	l := &ledger{max: 1 << 20}
	m := &memoryTable{ledger: l}
	if m.Schema() != nil {
		t.Error("an empty table has a schema")
	}
	for batch, err := range opened.Batches(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		if err := m.add(batch); err != nil {
			t.Fatal(err)
		}
	}
	if m.Rows() != 10 || l.used == 0 || !m.Schema().Equal(opened.Schema()) || csvOf(t, m) != csvOf(t, opened) {
		t.Errorf("%d rows, %d bytes", m.Rows(), l.used)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errTest)
	for _, err := range m.Batches(ctx) {
		if !errors.Is(err, errTest) {
			t.Errorf("error %v", err)
		}
	}
	m.release()
	if l.used != 0 {
		t.Errorf("%d bytes are still held", l.used)
	}
}

func TestBytesText(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 2 << 30: "2 GiB", 5 << 50: "5120 TiB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

func TestShortTime(t *testing.T) {
	for d, want := range map[time.Duration]string{
		1234567: "1.23ms", 2345 * time.Millisecond: "2.35s", 61400 * time.Millisecond: "1m1s", 0: "0s",
	} {
		if got := shortTime(d); got != want {
			t.Errorf("%d is %q, want %q", d, got, want)
		}
	}
}

func TestCallProblems(t *testing.T) {
	for says, err := range map[string]error{
		"Kernel process lost":              &dataplane.TransportError{Op: "fit", Message: "EOF"},
		"breaks the kernel protocol":       &dataplane.ProtocolError{Op: "fit", Reason: "it lies"},
		"Plugin that cannot be started":    &startError{errors.New("no such file")},
		"do not fit":                       &LimitError{"Tables that do not fit", "Why."},
		"/d/x.csv:3: Why.":                 &source.Error{Path: "/d/x.csv", Line: 3, Summary: "Ragged row", Detail: "Why."},
		"Empty range: low is above high.":  diag.Errorf("Empty range", "low is above high."),
		"Row that is too large":            table.ErrRowTooLarge,
		"Call that failed: something else": errors.New("something else"),
	} {
		p := callProblem("a", err)
		if !strings.Contains(p.Error(), says) || p.Node != "a" || p.Severity != SeverityError || !errors.Is(p, err) {
			t.Errorf("problem %v does not say %q", p, says)
		}
	}
}

func TestDiagnosticsKeepSeverityAndPath(t *testing.T) {
	ps := fromDiagnostics("a", []*diag.Diagnostic{diag.Warningf("w", ""), diag.Infof("i", "").At("low", "0"), diag.Errorf("e", "why")})
	if ps[0].Severity != SeverityWarning || ps[1].Severity != SeverityInfo || strings.Join(ps[1].Path, ".") != "config.low.0" || ps[0].Path != nil {
		t.Errorf("problems %+v", ps)
	}
	if ps[2].Error() != "a: e: why" || HasErrors(ps[:2]) || !HasErrors(ps) {
		t.Errorf("problem %q", ps[2].Error())
	}
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"short", 10, "short"}, {"exactly ten", 11, "exactly ten"}, {"/a/long/path/rows.csv", 11, "/a/l....csv"}, {"日本日本日本", 8, "日...本"},
	} {
		if got := fit(c.in, c.limit); got != c.want || columns(got) > c.limit {
			t.Errorf("%q is cut to %q, want %q", c.in, got, c.want)
		}
	}
}

// Tiny and wide batches cost memory beside their values, and the ledger must
// know of it: its bound is what keeps a flood of them from filling the host.
func TestLedgerKnowsWhatBatchesCost(t *testing.T) {
	const columns, count = 200, 100
	wire := &pluginv1.Batch{Schema: &pluginv1.TableSchema{}, Rows: 1}
	for i := range columns {
		wire.Schema.Columns = append(wire.Schema.Columns, &pluginv1.TableColumn{Name: fmt.Sprint("column ", i), Type: pluginv1.TableColumn_TYPE_INT64})
		wire.Columns = append(wire.Columns, &pluginv1.ColumnBuffers{Values: make([]byte, 8)})
	}
	m := &memoryTable{ledger: &ledger{max: 1 << 40}}
	before := heapInUse()
	for range count {
		batch, err := table.Decode(proto.CloneOf(wire))
		if err != nil {
			t.Fatal(err)
		}
		if err := m.add(batch); err != nil {
			t.Fatal(err)
		}
		batch.Release()
	}
	if cost := heapInUse() - before; cost > 2*m.ledger.used {
		t.Errorf("%d batches take %d bytes, and %d are counted", count, cost, m.ledger.used)
	}
	m.release()
}

func heapInUse() int64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}
