// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/tools/txtar"
)

// commands of the scripts.
var commands = map[string]func(*testscript.TestScript, bool, []string){
	"rc": cmdRC, "patient": cmdPatient, "with": cmdWith, "install": cmdInstall, "mutate": cmdMutate, "machine": cmdMachine,
	"jsonvalid": cmdJSONValid, "jsonlines": cmdJSONLines, "finding": cmdFinding, "cause": cmdCause,
	"samefindings": cmdSameFindings, "columns": cmdColumns, "printable": cmdPrintable,
	"doctor-live": cmdDoctorLive, "pages": cmdPages, "saved": cmdSaved, "runid": cmdRunID, "stateid": cmdStateID,
	"replace": cmdReplace, "tamper": cmdTamper, "logkey": cmdLogKey,
}

// usage fails the script on a wrong number of arguments.
func usage(ts *testscript.TestScript, neg bool, ok bool, text string) {
	if neg || !ok {
		ts.Fatalf("usage: %s", text)
	}
}

// cmdRC runs a program and wants its exit code: rc CODE PROGRAM ARG...
func cmdRC(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) > 1, "rc CODE PROGRAM [ARG...]")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// cmdRunID puts the id of a run of the list on standard output, the latest being
// 1, into a variable: runid VARIABLE N
func cmdRunID(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "runid VARIABLE N")
	var list struct{ Runs []struct{ ID string } }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &list))
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	if n < 1 || n > len(list.Runs) {
		ts.Fatalf("%d runs", len(list.Runs))
	}
	ts.Setenv(args[0], list.Runs[n-1].ID)
}

// cmdStateID puts the digest of the latest state of a kernel in the store into a
// variable: stateid VARIABLE KERNEL
func cmdStateID(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "stateid VARIABLE KERNEL")
	ts.Check(ts.Exec("bulkhead", "state", "list", "--kernel", args[1], "--json"))
	var list struct{ States []struct{ Digest string } }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &list))
	if len(list.States) == 0 {
		ts.Fatalf("no state of %s", args[1])
	}
	ts.Setenv(args[0], list.States[0].Digest)
}

// cmdWith puts example and hostile plugins into ./plugins: with NAME...
func cmdWith(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) > 0, "with PLUGIN...")
	for _, name := range args {
		program := extra("hostile")
		if strings.HasPrefix(name, "hello-") || name == "impostor" {
			program = extra(name)
		}
		ts.Check(copyProgram(program, ts.MkAbs(filepath.Join("plugins", exe(name)))))
	}
}

// cmdInstall copies the host and its plugins: install DIR
func cmdInstall(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "install DIR")
	ts.Check(copyInstallation(ts.MkAbs(args[0])))
}

// cmdMutate changes a byte of a program, or adds one to JSON: mutate FILE
func cmdMutate(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "mutate FILE")
	name := ts.MkAbs(args[0])
	data, err := os.ReadFile(name)
	ts.Check(err)
	if json.Valid(data) {
		data = append(data, ' ')
	} else {
		data[len(data)-2] ^= 1
	}
	ts.Check(os.WriteFile(name, data, 0o755))
}

// cmdMachine unpacks recorded machines of testdata/machines over each other:
// machine DIR NAME... A file whose text begins with "-> " is a symbolic link.
func cmdMachine(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) > 1, "machine DIR NAME...")
	ts.Check(unpackMachines(ts.MkAbs(args[0]), args[1:]...))
}

func unpackMachines(dir string, names ...string) error {
	for _, name := range names {
		archive, err := txtar.ParseFile(filepath.Join(built.repo, "host/cli/testdata/machines", name+".txtar"))
		if err != nil {
			return err
		}
		for _, f := range archive.Files {
			if err := unpack(filepath.Join(dir, filepath.FromSlash(f.Name)), f.Data); err != nil {
				return err
			}
		}
	}
	return nil
}

func unpack(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if to, ok := strings.CutPrefix(string(data), "-> "); ok {
		return os.Symlink(strings.TrimSpace(to), name)
	}
	mode := os.FileMode(0o644)
	if strings.Contains(filepath.ToSlash(name), "/dev/") {
		mode = 0o666
	}
	return errors.Join(os.WriteFile(name, data, mode), os.Chmod(name, mode))
}

// cmdJSONLines wants one JSON object on each line of a file: jsonlines FILE
func cmdJSONLines(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "jsonlines FILE")
	lines := bytes.Split(bytes.TrimSpace([]byte(ts.ReadFile(args[0]))), []byte("\n"))
	for _, line := range lines {
		var v map[string]any
		if err := json.Unmarshal(line, &v); err != nil {
			ts.Fatalf("not a JSON object: %q: %v", line, err)
		}
	}
}

// diagnosis is what scripts ask of a report.
type diagnosis struct {
	RootCauses []struct{ Code string } `json:"root_causes"`
	Findings   []struct{ ID, Code, Severity, Subject string }
}

func readDiagnosis(ts *testscript.TestScript, name string) diagnosis {
	var d diagnosis
	if err := json.Unmarshal([]byte(ts.ReadFile(name)), &d); err != nil {
		ts.Fatalf("%s is not a report: %v", name, err)
	}
	return d
}

// cmdFinding wants a finding, or none whose code begins so, in a report:
// [!] finding FILE CODE [SEVERITY]
func cmdFinding(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, false, len(args) == 2 || len(args) == 3 && !neg, "[!] finding FILE CODE [SEVERITY]")
	var seen []string
	for _, f := range readDiagnosis(ts, args[0]).Findings {
		seen = append(seen, f.Code+":"+f.Severity)
	}
	want := args[1] + ":" + strings.Join(args[2:], "")
	found := slices.ContainsFunc(seen, func(s string) bool {
		if neg {
			return strings.HasPrefix(s, args[1])
		}
		return s == want || len(args) == 2 && strings.HasPrefix(s, want)
	})
	if found == neg {
		ts.Fatalf("findings %v", seen)
	}
}

// cmdCause wants a code as the first root cause: cause FILE CODE
func cmdCause(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "cause FILE CODE")
	causes := readDiagnosis(ts, args[0]).RootCauses
	if len(causes) == 0 || causes[0].Code != args[1] {
		ts.Fatalf("root causes %v", causes)
	}
}

// cmdSameFindings compares the findings of two reports: samefindings A B
func cmdSameFindings(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "samefindings FILE FILE")
	a, b := readDiagnosis(ts, args[0]), readDiagnosis(ts, args[1])
	if !slices.Equal(a.Findings, b.Findings) || !slices.Equal(a.RootCauses, b.RootCauses) {
		ts.Fatalf("%v and %v", a, b)
	}
}

// cmdColumns bounds the lines of a file, but for a single word such as a URL:
// columns MOST FILE
func cmdColumns(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "columns MOST FILE")
	most, err := strconv.Atoi(args[0])
	ts.Check(err)
	for i, line := range strings.Split(ts.ReadFile(args[1]), "\n") {
		if n := utf8.RuneCountInString(line); n > most && len(strings.Fields(line)) > 1 {
			ts.Fatalf("line %d has %d columns: %s", i+1, n, line)
		}
	}
}

// cmdPrintable wants no control character but newline and tab, and none that
// turns the direction of text: printable FILE
func cmdPrintable(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "printable FILE")
	for i, r := range ts.ReadFile(args[0]) {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			ts.Fatalf("byte %d is the control character %U", i, r)
		}
	}
}

// cmdDoctorLive diagnoses this machine, whatever its state: doctor-live
func cmdDoctorLive(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, true, "doctor-live [FLAG...]")
	err := ts.Exec("bulkhead", append([]string{"doctor", "--json"}, args...)...)
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() > 2) {
		ts.Fatalf("bulkhead doctor: %v", err)
	}
	cmdJSONValid(ts, false, []string{"stdout", "doctor"})
	if !strings.Contains(ts.ReadFile("stdout"), `"kind": "machine"`) {
		ts.Fatalf("not a report of this machine")
	}
}

// cmdPages wants every page of a list to have all its parts: pages FILE
func cmdPages(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "pages FILE")
	var list struct{ Codes []map[string]any }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &list))
	if len(list.Codes) < 25 {
		ts.Fatalf("%d codes, fewer than promised", len(list.Codes))
	}
	for _, page := range list.Codes {
		for _, part := range []string{"title", "area", "meaning", "detection", "cause", "fix", "verify"} {
			if page[part] == nil || page[part] == "" {
				ts.Fatalf("%v has no %s", page["code"], part)
			}
		}
	}
}

// cmdSaved wants files with something in them in the directory of a run:
// saved DIR
func cmdSaved(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "saved DIR")
	files := 0
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() == 0 {
			err = fmt.Errorf("%s is empty", name)
		}
		files++
		return err
	}))
	if files < 3 {
		ts.Fatalf("%d files", files)
	}
}
