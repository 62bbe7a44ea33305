// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/regular"
)

// MaxFixtureBytes bounds the file of a fixture.
const MaxFixtureBytes = 16 << 20

// Fixture is one published result of a plugin: what goes in, and what must come
// out. Its file is a JSON object, in the directory fixtures beside the plugin's
// sources; it is run in the order of the files' names. It is of one of three
// kinds:
//
//   - with "kernel", a transform of a table, after a fit if the kernel fits;
//   - with "facts", the checks of the plugin on these facts;
//   - with "machine", the collectors of the plugin on these files.
//
// A kernel's fixture:
//
//	{
//	  "summary": "values outside of the range move to its edge",
//	  "kernel": "clip",
//	  "settings": {"low": 0, "high": 1},
//	  "input": {"columns": [{"name": "a", "type": "float64", "values": [-1, 0.5, null, "NaN"]}]},
//	  "expect": {
//	    "output": {"columns": [{"name": "a", "type": "float64", "values": [0, 0.5, null, "NaN"]}]},
//	    "report": {"low": 0}
//	  },
//	  "tolerance": {"absolute": 1e-12}
//	}
//
// A check's has "facts": {"cpu.count": 1} and expects "findings", a collector's
// has "machine": {"/proc/cmdline": "quiet\n"} and expects "facts".
type Fixture struct {
	// Summary says what the fixture shows.
	Summary string `json:"summary,omitempty"`

	// Kernel is the name of a kernel.
	Kernel string `json:"kernel,omitempty"`
	// Settings over the defaults: of the kernel, or of each check by its code.
	Settings map[string]json.RawMessage `json:"settings,omitempty"`
	// Seed that the kernel is given; 0 is that of the run.
	Seed uint64 `json:"seed,omitempty"`
	// Fit is what the kernel learns from; nil is the input.
	Fit *Table `json:"fit,omitempty"`
	// Input is what it transforms; nil makes a fit alone.
	Input *Table `json:"input,omitempty"`

	// Facts by address, for checks.
	Facts map[string]json.RawMessage `json:"facts,omitempty"`
	// Machine has the text of files by absolute path, for collectors.
	Machine map[string]string `json:"machine,omitempty"`

	Expect Expect `json:"expect"`
	// Tolerance of numbers; zero means the same number.
	Tolerance Tolerance `json:"tolerance,omitzero"`
}

// Expect is what must come out. What is left out is not looked at.
type Expect struct {
	// Output of the transform: its columns in order, their types and all values.
	Output *Table `json:"output,omitempty"`
	// Report has keys of the report of the transform, or of the fit when there is
	// no input, and their values.
	Report map[string]json.RawMessage `json:"report,omitempty"`
	// Dropped counts the rows that are left out on purpose.
	Dropped *int64 `json:"dropped,omitempty"`
	// Rejected are the rows that are put aside, in their order.
	Rejected []Reject `json:"rejected,omitempty"`
	// Error is a part of the diagnostic with which the kernel refuses the call.
	Error string `json:"error,omitempty"`

	// Findings are all findings of the checks, in the order of their codes.
	Findings *[]Found `json:"findings,omitempty"`
	// Facts by address, with their values; null is a fact that must not be there.
	Facts map[string]json.RawMessage `json:"facts,omitempty"`
}

// Reject is a row that is put aside.
type Reject struct {
	Row    int64  `json:"row"` // of the input, from 0
	Rule   string `json:"rule,omitempty"`
	Column string `json:"column,omitempty"`
}

// Found is one finding. Fields that are left out are not looked at.
type Found struct {
	Code     string `json:"code"`
	Severity string `json:"severity,omitempty"` // info, warning, error or unknown
	Subject  string `json:"subject,omitempty"`
	Detail   string `json:"detail,omitempty"` // a part of the detail
}

// Tolerance of numbers: got and want agree when |got-want| is at most Absolute +
// Relative*|want|. A NaN agrees with a NaN, and an infinity with itself.
type Tolerance struct {
	Absolute float64 `json:"absolute,omitempty"`
	Relative float64 `json:"relative,omitempty"`
}

// ParseFixture reads a fixture. Unknown keys are errors: one with a typing error
// would otherwise compare nothing.
func ParseFixture(data []byte) (*Fixture, error) {
	if len(data) > MaxFixtureBytes {
		return nil, fmt.Errorf("a fixture of more than %d MiB, which are not read", MaxFixtureBytes>>20)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var f Fixture
	if err := dec.Decode(&f); err != nil {
		return nil, fmt.Errorf("a fixture that is not valid: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("a fixture that is not valid: text after the JSON object")
	}
	return &f, f.validate()
}

// validate refuses what would compare nothing, or two things at once.
func (f *Fixture) validate() error {
	e := f.Expect
	kinds := 0
	for _, is := range []bool{f.Kernel != "", f.Facts != nil, f.Machine != nil} {
		if is {
			kinds++
		}
	}
	ofKernel := e.Output != nil || e.Report != nil || e.Dropped != nil || e.Rejected != nil || e.Error != ""
	switch {
	case kinds != 1:
		return errors.New("a fixture has one of kernel, facts and machine")
	case !ofKernel && e.Findings == nil && e.Facts == nil:
		return errors.New("a fixture that expects nothing")
	case ofKernel != (f.Kernel != ""), (e.Findings != nil) != (f.Facts != nil), (e.Facts != nil) != (f.Machine != nil):
		return errors.New("a fixture with kernel expects output, report, dropped, rejected or error; one with facts expects findings; one with machine expects facts")
	case f.Kernel != "" && f.Input == nil && f.Fit == nil:
		return errors.New("a fixture of a kernel has an input, or a table to fit")
	case f.Tolerance.Absolute < 0 || f.Tolerance.Relative < 0:
		return errors.New("a tolerance is not negative")
	}
	return nil
}

// fixtureRules are the fixtures of a directory, each as a rule.
func fixtureRules(dir string) []rule {
	if dir == "" {
		return nil
	}
	names, err := fixtureFiles(dir)
	if err != nil || len(names) == 0 {
		return []rule{{"fixture/none", "There are fixtures, which hold the plugin to published numbers.", func(*bench) error {
			if err != nil {
				return err
			}
			return skip(fmt.Sprintf("%s holds no *.json; see the documentation of fixtures", dir))
		}}}
	}
	var rules []rule
	for _, name := range names {
		rules = append(rules, fixtureRule(name))
	}
	return rules
}

// fixtureFiles are the files of a directory in their order, without those whose
// names begin with a dot; none when there is no such directory.
func fixtureFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && filepath.Ext(e.Name()) == ".json" && e.Name()[0] != '.' {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	slices.Sort(names)
	return names, err
}

func fixtureRule(name string) rule {
	f, err := readFixture(name)
	r := rule{name: "fixture/" + strings.TrimSuffix(filepath.Base(name), ".json"), doc: "The published numbers of " + filepath.ToSlash(name) + "."}
	r.run = func(b *bench) error {
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return f.run(b)
	}
	if err == nil && f.Summary != "" {
		r.doc = f.Summary
	}
	return r
}

func readFixture(name string) (*Fixture, error) {
	data, err := regular.ReadFile(name, MaxFixtureBytes)
	if err != nil {
		return nil, err
	}
	return ParseFixture(data)
}
