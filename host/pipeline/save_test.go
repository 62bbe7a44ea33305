// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/host/source"
)

// resultOf makes a result whose files all tell its version.
func resultOf(version string) *Result {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "i", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, {Name: "f", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "b", Type: arrow.FixedWidthTypes.Boolean, Nullable: true}, {Name: "s", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for _, f := range []float64{0.1, 1e300, math.NaN()} {
		b.Field(0).(*array.Int64Builder).Append(-7)
		b.Field(1).(*array.Float64Builder).Append(f)
		b.Field(2).(*array.BooleanBuilder).Append(true)
		b.Field(3).(*array.StringBuilder).Append("x, \"" + version + "\"\ny")
	}
	for i := range 4 {
		b.Field(i).AppendNull()
	}
	n := &NodeResult{Name: "a", Kind: KindKernel, Status: OK, table: tableOf(b.NewRecordBatch())}
	n.learn([]byte("state of " + version))
	return &Result{Pipeline: version, Status: OK, Nodes: []*NodeResult{{Name: "rows", Kind: KindSource, Status: OK, Reason: version}, n}}
}

// savedVersion checks every file of a saved run against its manifest and
// returns the version; empty when there is no directory.
func savedVersion(t *testing.T, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, manifestName))
	if errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(dir); err == nil {
			t.Fatal("the directory has no manifest")
		}
		return ""
	}
	var m Saved
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Files) != 4 {
		t.Errorf("files %v", m.Files)
	}
	for _, f := range m.Files {
		content, err := os.ReadFile(filepath.Join(dir, f.Name))
		sum := sha256.Sum256(content)
		if err != nil || hex.EncodeToString(sum[:]) != f.SHA256 || int64(len(content)) != f.Bytes {
			t.Errorf("%s is not what the manifest says: %v", f.Name, err)
		}
	}
	return m.Pipeline
}

func TestSave(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "run")
	for _, version := range []string{"one", "two"} {
		if _, err := resultOf(version).Save(context.Background(), dir); err != nil {
			t.Fatal(err)
		}
		if got := savedVersion(t, dir); got != version {
			t.Errorf("version %q is saved", got)
		}
	}
	csv, err := os.ReadFile(filepath.Join(dir, "a.csv"))
	text := `"x, ""two""` + "\ny\"\n"
	if want := "i,f,b,s\n-7,0.1,true," + text + "-7,1e+300,true," + text + "-7,NaN,true," + text + ",,,\n"; err != nil || string(csv) != want {
		t.Errorf("table %q, want %q", csv, want)
	}
	if state, err := os.ReadFile(filepath.Join(dir, "a.state")); err != nil || string(state) != "state of two" {
		t.Errorf("state %q, %v", state, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "..", ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSavedTablesReadBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := resultOf("one").Save(context.Background(), dir); err != nil {
		t.Fatal(err)
	}
	table, err := source.Open(context.Background(), source.Spec{Path: filepath.Join(dir, "a.csv")}, nil)
	if err != nil || table.Rows() != 4 || table.Columns()[1].Type != "float64" || table.Columns()[1].Nulls != 2 {
		t.Errorf("table %+v, error %v", table, err)
	}
}

func TestSaveLeavesOtherDirectoriesAlone(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "thesis.tex")
	if err := os.WriteFile(other, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := resultOf("one").Save(context.Background(), dir)
	if e, ok := errors.AsType[*SaveError](err); !ok || !strings.Contains(e.Error(), "thesis.tex") {
		t.Errorf("error %v", err)
	}
	run := filepath.Join(dir, "run")
	if _, err := resultOf("one").Save(context.Background(), run); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(run, "notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := resultOf("two").Save(context.Background(), run); err == nil || !strings.Contains(err.Error(), "notes.txt") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(filepath.Join(run, "notes.txt")); err != nil {
		t.Error(err)
	}
}

// stepsOf lists the failpoints that a save passes.
func stepsOf(t *testing.T, twoRenames bool) []string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	var steps []string
	for _, version := range []string{"old", "new"} {
		steps = nil
		s := &saver{ctx: context.Background(), twoRenames: twoRenames, fail: func(step string) error {
			steps = append(steps, step)
			return nil
		}}
		if _, err := s.save(resultOf(version), dir); err != nil {
			t.Fatal(err)
		}
	}
	return steps
}

// TestFailuresOfSave makes every step fail in turn: the old run stays.
func TestFailuresOfSave(t *testing.T) {
	for _, twoRenames := range []bool{false, true} {
		for i, step := range stepsOf(t, twoRenames) {
			dir := filepath.Join(t.TempDir(), "run")
			if _, err := resultOf("old").Save(context.Background(), dir); err != nil {
				t.Fatal(err)
			}
			n := 0
			s := &saver{ctx: context.Background(), twoRenames: twoRenames, fail: func(string) error {
				if n++; n > i {
					return errors.New("no space left on device")
				}
				return nil
			}}
			_, err := s.save(resultOf("new"), dir)
			if e, ok := errors.AsType[*SaveError](err); !ok || !filepath.IsAbs(e.Dir) {
				t.Errorf("%s: error %v", step, err)
			}
			want := "old"
			if step == "syncing the parent" {
				want = "new" // it is in place, and perhaps not yet on disk
			}
			if got := savedVersion(t, dir); got != want {
				t.Errorf("%s: version %q is left", step, got)
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), ".*")); len(left) > 0 {
				t.Errorf("%s: left behind: %v", step, left)
			}
		}
	}
}

const crashVariable = "BULKHEAD_TEST_CRASH_SAVE"

// TestMain lets the test binary be the process that dies in a save.
func TestMain(m *testing.M) {
	if order := os.Getenv(crashVariable); order != "" {
		crashingSave(order)
	}
	os.Exit(m.Run())
}

// crashingSave ends the process without any clean-up at one step of a save.
func crashingSave(order string) {
	fields := strings.SplitN(order, " ", 3)
	at, _ := strconv.Atoi(fields[0])
	n := 0
	s := &saver{ctx: context.Background(), twoRenames: fields[1] == "true", fail: func(string) error {
		if n == at {
			os.Exit(137)
		}
		n++
		return nil
	}}
	_, err := s.save(resultOf("new"), fields[2])
	fmt.Println("the save ended:", err)
	os.Exit(0)
}

// TestCrashesInSave ends a process at every step of a save: the directory holds
// the old run or the new one, whole.
func TestCrashesInSave(t *testing.T) {
	for _, twoRenames := range []bool{false, true} {
		for i, step := range stepsOf(t, twoRenames) {
			dir := filepath.Join(t.TempDir(), "run")
			if _, err := resultOf("old").Save(context.Background(), dir); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %t %s", crashVariable, i, twoRenames, dir))
			if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 137 {
				t.Fatalf("%s: the process did not die: %v, %s", step, err, out)
			}
			if err := Recover(dir); err != nil {
				t.Fatal(err)
			}
			want := "old"
			if step == "syncing the parent" {
				want = "new"
			}
			if got := savedVersion(t, dir); got != want {
				t.Errorf("%s: version %q is left", step, got)
			}
			if _, err := resultOf("next").Save(context.Background(), dir); err != nil {
				t.Errorf("%s: the next save fails: %v", step, err)
			}
		}
	}
}

func TestRecoverRemovesAnOldRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	for _, d := range []string{dir, oldName(dir)} {
		if _, err := resultOf(filepath.Base(d)).Save(context.Background(), d); err != nil {
			t.Fatal(err)
		}
	}
	if err := Recover(dir); err != nil || savedVersion(t, dir) != "run" || savedVersion(t, oldName(dir)) != "" {
		t.Errorf("error %v", err)
	}
}
