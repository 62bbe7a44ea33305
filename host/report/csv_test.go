// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/csv"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// csvRows reads CSV back and expects CRLF, a row of names, and rows of one length.
func csvRows(t judge, text string) (head []string, rows [][]string) {
	t.Helper()
	if strings.Contains(strings.ReplaceAll(text, "\r\n", ""), "\n") {
		t.Errorf("a line ends without CR LF:\n%q", text)
	}
	all, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("there is no row of names")
	}
	return all[0], all[1:]
}

func TestCSVOfADiagnosis(t *testing.T) {
	d := judged()
	head, rows := csvRows(t, written(t, d, CSV, Options{}))
	if len(rows) != len(d.Findings)+len(d.Diagnostics) || len(d.Diagnostics) == 0 {
		t.Fatalf("%d rows for %d findings and %d notes", len(rows), len(d.Findings), len(d.Diagnostics))
	}
	for i, n := range d.Diagnostics {
		if row := rows[len(d.Findings)+i]; row[0] != "" || row[1] != "" || row[3] != n.Severity || row[6] != n.Summary || row[13] != n.Plugin {
			t.Errorf("note %d is %v", i, row)
		}
	}
	for i, f := range d.Findings {
		row := map[string]string{}
		for j, name := range head {
			row[name] = rows[i][j]
		}
		if row["id"] != f.ID || row["severity"] != f.Severity || row["detail"] != f.Detail || row["root_cause"] != f.RootCause {
			t.Errorf("row %d is %v", i, row)
		}
		if f.Waived != nil && (row["waived_until"] != "2027-01-31" || row["waived_reason"] != "the cluster team decides") {
			t.Errorf("the waiver is %v", row)
		}
	}
	if _, rows := csvRows(t, written(t, healthy(), CSV, Options{})); len(rows) != 0 {
		t.Errorf("a healthy machine has rows: %v", rows)
	}
}

func TestCSVOfFacts(t *testing.T) {
	f := Facts{Facts: []fact.Fact{
		{Address: "a", Value: json.RawMessage(`"1"`)}, {Address: "b", Value: json.RawMessage("-1")}, {Address: "c", Unknown: "denied"}, {Address: "d", Value: json.RawMessage(`{"x":[1,null]}`)},
		{Address: "e", Value: json.RawMessage("null")}, {Address: "f", Value: json.RawMessage("true")}, {Address: "g", Value: json.RawMessage(`"=cmd|' /C calc'!A0"`)},
	}}
	_, rows := csvRows(t, written(t, f, CSV, Options{}))
	want := [][]string{
		{"a", "string", "1", "", ""}, {"b", "number", "-1", "", ""}, {"c", "unknown", "", "denied", ""}, {"d", "object", `{"x":[1,null]}`, "", ""},
		{"e", "null", "", "", ""}, {"f", "boolean", "true", "", ""}, {"g", "string", "'=cmd|' /C calc'!A0", "", ""},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
}

func TestGuardedCells(t *testing.T) {
	for cell, want := range map[string]string{
		"=1+1": "'=1+1", "+A1": "'+A1", "-A1": "'-A1", "@SUM(A1)": "'@SUM(A1)", " =1": "' =1", "\n=1": "'\n=1", "\uff1d1": "'\uff1d1",
		"-12": "-12", "+1.5e3": "+1.5e3", "a=b": "a=b", "": "", " ": " ", "--flag": "'--flag", "torch>=2": "torch>=2",
	} {
		if got := guarded(cell); got != want {
			t.Errorf("guarded(%q) = %q, want %q", cell, got, want)
		}
	}
}

// TestNoCellIsAFormula draws hostile documents and looks at each cell as a
// spreadsheet does.
func TestNoCellIsAFormula(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := someDoctor.Draw(rt, "document")
		for i := range d.Findings {
			d.Findings[i].Title = rapid.SampledFrom([]string{"=", "+", "-", "@", "\t=", "\r@", "\x1b[0m="}).Draw(rt, "sign") + d.Findings[i].Title
		}
		_, rows := csvRows(rt, written(rt, d, CSV, Options{}))
		for _, row := range rows {
			for _, cell := range row {
				_, err := strconv.ParseFloat(cell, 64)
				if trimmed := strings.TrimSpace(cell); err != nil && trimmed != "" && strings.ContainsRune("=+-@", rune(trimmed[0])) {
					rt.Errorf("a spreadsheet would compute %q", cell)
				}
			}
		}
	})
}
