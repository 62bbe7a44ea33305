// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// write makes a file of content and returns its path.
func write(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows.csv")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// rows reads a whole table as text: "null" for nulls.
func rows(t testing.TB, tab Table) [][]string {
	t.Helper()
	var out [][]string
	for batch, err := range tab.Batches(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		if err := checkBounds(batch); err != nil {
			t.Fatal(err)
		}
		for i := range int(batch.NumRows()) {
			var row []string
			for _, c := range batch.Columns() {
				if c.IsNull(i) {
					row = append(row, "null")
				} else {
					row = append(row, strings.Clone(c.ValueStr(i)))
				}
			}
			out = append(out, row)
		}
	}
	return out
}

func checkBounds(batch arrow.RecordBatch) error {
	if batch.NumRows() > table.MaxRows || table.Size(batch) > table.MaxBytes {
		return fmt.Errorf("a batch has %d rows and %d bytes", batch.NumRows(), table.Size(batch))
	}
	_, err := table.Encode(batch)
	return err
}

func types(tab Table) string {
	var out []string
	for _, c := range tab.Columns() {
		out = append(out, c.Type)
	}
	return strings.Join(out, " ")
}

func TestTypes(t *testing.T) {
	for name, c := range map[string]struct {
		content, types string
		want           [][]string
		spec           Spec
	}{
		"each type":       {"a,b,c,d\n1,1.5,true,x\n-2,2,FALSE,y\n", "int64 float64 bool string", [][]string{{"1", "1.5", "true", "x"}, {"-2", "2", "false", "y"}}, Spec{}},
		"nulls":           {"a,b\n,NA\nNaN,x\n3,None\n", "int64 string", [][]string{{"null", "null"}, {"null", "x"}, {"3", "null"}}, Spec{}},
		"all null":        {"a,b\n,1\nNA,2\n", "float64 int64", [][]string{{"null", "1"}, {"null", "2"}}, Spec{}},
		"own nulls":       {"a,b\nNA,?\nDE,2\n", "string int64", [][]string{{"NA", "null"}, {"DE", "2"}}, Spec{Nulls: []string{"?"}}},
		"no nulls":        {"a,b\n,x\nNA,y\n", "string string", [][]string{{"", "x"}, {"NA", "y"}}, Spec{Nulls: []string{}}},
		"quotes":          {"a,\"b \"\"c\"\", d\"\n\"1\",\"x, y\"\n2,\"line\nbreak\"\n", "int64 string", [][]string{{"1", "x, y"}, {"2", "line\nbreak"}}, Spec{}},
		"crlf and mark":   {"\xef\xbb\xbfa,b\r\n1,x\r\n2,y\r\n", "int64 string", [][]string{{"1", "x"}, {"2", "y"}}, Spec{}},
		"no last break":   {"a,b\n1,x\n2,y", "int64 string", [][]string{{"1", "x"}, {"2", "y"}}, Spec{}},
		"blank lines":     {"a,b\n\n1,x\n\n", "int64 string", [][]string{{"1", "x"}}, Spec{}},
		"one column":      {"a\n1\n\n3\n", "int64", [][]string{{"1"}, {"null"}, {"3"}}, Spec{}},
		"mixed":           {"a,b\n1,true\ntrue,2.5\n", "string string", [][]string{{"1", "true"}, {"true", "2.5"}}, Spec{}},
		"too large ints":  {"a,b\n9223372036854775808,1\n1,2\n", "string int64", [][]string{{"9223372036854775808", "1"}, {"1", "2"}}, Spec{}},
		"spaces":          {"a,b\n 1 , x\n\t2,y \n", "int64 string", [][]string{{"1", " x"}, {"2", "y "}}, Spec{}},
		"infinities":      {"a\ninf\n-Infinity\n1e3\n", "float64", [][]string{{"+Inf"}, {"-Inf"}, {"1000"}}, Spec{}},
		"no go literals":  {"a,b,c\n0x1p3,1_000,+5\n", "string string int64", [][]string{{"0x1p3", "1_000", "5"}}, Spec{}},
		"declared":        {"a,b\n007,1\n008,2\n", "string float64", [][]string{{"007", "1"}, {"008", "2"}}, Spec{Types: map[string]string{"a": "string", "b": "float64"}}},
		"delimiter":       {"a;b\n1,5;x\n", "string string", [][]string{{"1,5", "x"}}, Spec{Delimiter: ';'}},
		"pandas names":    {"0,1\n5,x\n", "int64 string", [][]string{{"5", "x"}}, Spec{}},
		"quoted is null":  {"a,b\n\"\",\"1\"\n\"2\",\"3\"\n", "int64 int64", [][]string{{"null", "1"}, {"2", "3"}}, Spec{}},
		"late text":       {"a\n" + strings.Repeat("1\n", 300) + "x\n", "string", nil, Spec{}},
		"unicode":         {"größe,名\n1,日本\n", "int64 string", [][]string{{"1", "日本"}}, Spec{}},
		"trailing blanks": {"a,b\n1,\n2,\n", "int64 float64", [][]string{{"1", "null"}, {"2", "null"}}, Spec{}},
	} {
		t.Run(name, func(t *testing.T) {
			c.spec.Path = write(t, c.content)
			tab, err := Open(context.Background(), c.spec, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := types(tab); got != c.types {
				t.Errorf("types are %q, want %q", got, c.types)
			}
			if got := rows(t, tab); c.want != nil && fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("rows are %q, want %q", got, c.want)
			}
		})
	}
}

func TestRoles(t *testing.T) {
	tab, err := Open(context.Background(), Spec{Path: write(t, "id,x,y\n1,2,3\n"), Target: "y", ID: "id"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := tab.Schema()
	if table.TargetIndex(s) != 2 || table.Role(s.Field(0)) != table.RoleID || !slices.Equal(table.Features(s), []int{1}) {
		t.Errorf("roles are lost in %v", s)
	}
	if c := tab.Columns()[2]; c.Role != table.RoleTarget || tab.Rows() != 1 || tab.Bytes() != 13 {
		t.Errorf("column %+v, %d rows, %d bytes", c, tab.Rows(), tab.Bytes())
	}
}

func TestBlankLinesAndNullsAreCounted(t *testing.T) {
	tab, err := Open(context.Background(), Spec{Path: write(t, "a,b\n\n1,\n\n\n2,NA\n")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if tab.BlankLines() != 3 || tab.Columns()[1].Nulls != 2 {
		t.Errorf("%d blank lines, columns %+v", tab.BlankLines(), tab.Columns())
	}
}

func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		spec    Spec
		line    int
		column  string
		says    []string
	}{
		"ragged, short":     {"a,b\n1,2\n3\n", Spec{}, 3, "", []string{"1 field,", "2 columns", "missing fields"}},
		"ragged, long":      {"a,b\n1,2\n3,4,5\n", Spec{}, 3, "", []string{"3 fields", "2 columns", "double quotes"}},
		"ragged after text": {"a,b\n\"x\ny\",2\n3\n", Spec{}, 4, "", []string{"Ragged"}},
		"wrong type":        {"a,b\n1,2\n3,x9\n", Spec{Types: map[string]string{"b": "float64"}}, 3, "b", []string{`"x9"`, "float64"}},
		"wrong bool":        {"a\nyes\n", Spec{Types: map[string]string{"a": "bool"}}, 2, "a", []string{`"yes"`, "bool"}},
		"wrong int":         {"a\n1.5\n", Spec{Types: map[string]string{"a": "int64"}}, 2, "a", []string{`"1.5"`}},
		"target absent":     {"age,churned\n1,2\n", Spec{Target: "churn"}, 1, "churn", []string{"Unknown target", `"churned"`}},
		"target far away":   {"age,churned\n1,2\n", Spec{Target: "zzz"}, 1, "zzz", []string{"age, churned"}},
		"other delimiter":   {"a;b\n1;2\n", Spec{Target: "b"}, 1, "b", []string{"delimiter", "';'"}},
		"id absent":         {"a,b\n1,2\n", Spec{ID: "A"}, 1, "A", []string{"Unknown id", `"a"`}},
		"typed absent":      {"a,b\n1,2\n", Spec{Types: map[string]string{"c": "int64"}}, 1, "c", []string{"typed column"}},
		"bad type":          {"a,b\n1,2\n", Spec{Types: map[string]string{"a": "int"}}, 0, "a", []string{"int64", "float64"}},
		"two roles":         {"a,b\n1,2\n", Spec{Target: "a", ID: "a"}, 0, "a", []string{"two roles"}},
		"bad delimiter":     {"a,b\n1,2\n", Spec{Delimiter: '"'}, 0, "", []string{"Delimiter"}},
		"empty file":        {"", Spec{}, 0, "", []string{"Empty file", "header"}},
		"blank header":      {"\na,b\n", Spec{}, 1, "", []string{"No header"}},
		"only a mark":       {"\xef\xbb\xbf", Spec{}, 1, "", []string{"No header"}},
		"no rows":           {"a,b\n", Spec{}, 0, "", []string{"No rows"}},
		"name twice":        {"a,b,a\n1,2,3\n", Spec{}, 1, "a", []string{"Columns 1 and 3"}},
		"name missing":      {",b\n1,2\n", Spec{}, 1, "", []string{"Column 1", "index=False"}},
		"control in name":   {"a\x1b[0m,b\n1,2\n", Spec{}, 1, "", []string{`\x1b`}},
		"no header":         {"1.5,2\n3,4\n", Spec{}, 1, "", []string{"No header", "numbers"}},
		"not utf-8":         {"a,b\n1,x\n2,\xff\n", Spec{}, 3, "", []string{"0xff", "iconv"}},
		"not utf-8, inside": {"a,b\n1,\"x\ny\xff\"\n", Spec{}, 3, "", []string{"0xff"}},
		"binary":            {"a,b\n1,\x00\n", Spec{}, 2, "", []string{"Binary"}},
		"open quote":        {"a,b\n1,\"x\n2,y\n", Spec{}, 2, "", []string{"Quote without an end"}},
		"stray quote":       {"a,b\n1,x\"y\"\n", Spec{}, 2, "", []string{"Stray"}},
		"after quote":       {"a,b\n1,\"x\"y\n", Spec{}, 2, "", []string{"Stray"}},
		"long line":         {"a,b\n1," + strings.Repeat("x", MaxRecordBytes) + "\n", Spec{}, 2, "", []string{"too long", "4194304"}},
		"long quote":        {"a,b\n1,\"" + strings.Repeat("x\n", MaxRecordBytes/2) + "\n", Spec{}, 2, "", []string{"never closed"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.spec.Path = write(t, c.content)
			_, err := Open(context.Background(), c.spec, nil)
			e, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("error %v", err)
			}
			if e.Line != c.line || e.Column != c.column || !filepath.IsAbs(e.Path) {
				t.Errorf("the error is at %s, want line %d, column %q", e.Where(), c.line, c.column)
			}
			for _, s := range c.says {
				if !strings.Contains(e.Error(), s) {
					t.Errorf("%q does not say %q", e, s)
				}
			}
		})
	}
}

func TestFilesThatAreNone(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ path, says string }{
		"missing":   {filepath.Join(dir, "none.csv"), "Missing file"},
		"directory": {dir, "A directory"},
		"device":    {os.DevNull, "regular"},
		"no path":   {"", "No file named"},
	} {
		_, err := Open(context.Background(), Spec{Path: c.path}, nil)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	_, err := Open(context.Background(), Spec{Path: "none.csv"}, nil)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v is not fs.ErrNotExist", err)
	}
	if wd, _ := os.Getwd(); err == nil || !strings.Contains(err.Error(), filepath.Join(wd, "none.csv")) {
		t.Errorf("error %v has no absolute path", err)
	}
}

func TestBatchesKeepToTheBounds(t *testing.T) {
	var b strings.Builder
	b.WriteString("i,s\n")
	n := table.MaxRows + 1000
	for i := range n {
		fmt.Fprintf(&b, "%d,%s\n", i, strings.Repeat("x", i%300))
	}
	tab, err := Open(context.Background(), Spec{Path: write(t, b.String())}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := rows(t, tab); len(got) != n || got[n-1][0] != fmt.Sprint(n-1) {
		t.Errorf("%d of %d rows came back", len(got), n)
	}
}

func TestLargeRecordsFit(t *testing.T) {
	long := strings.Repeat("y", MaxRecordBytes-10)
	tab, err := Open(context.Background(), Spec{Path: write(t, "a,b\n1,"+long+"\n2,"+long+"\n3,"+long+"\n")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := rows(t, tab); len(got) != 3 || got[2][1] != long {
		t.Errorf("%d rows came back", len(got))
	}
}

func TestChangedFile(t *testing.T) {
	path := write(t, "a,b\n1,2\n")
	tab, err := Open(context.Background(), Spec{Path: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("a,b\n1,2\n3,4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, err := range tab.Batches(context.Background()) {
		if err == nil || !strings.Contains(err.Error(), "changed") {
			t.Errorf("error %v", err)
		}
	}
}

func TestCancel(t *testing.T) {
	path := write(t, "a,b\n"+strings.Repeat("1,2\n", 10000))
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	tab, err := Open(ctx, Spec{Path: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	cancel(cause)
	if _, err := Open(ctx, Spec{Path: path}, nil); !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
	for _, err := range tab.Batches(ctx) {
		if !errors.Is(err, cause) {
			t.Errorf("error %v", err)
		}
	}
}

func TestStopEarly(t *testing.T) {
	tab, err := Open(context.Background(), Spec{Path: write(t, "a,b\n"+strings.Repeat("1,2\n", table.MaxRows*2))}, nil)
	if err != nil {
		t.Fatal(err)
	}
	steps := 0
	for _, err := range tab.Batches(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		steps++
		break
	}
	if steps != 1 {
		t.Errorf("%d steps", steps)
	}
}
