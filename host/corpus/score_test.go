// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/internal/machinetree"
)

const (
	sick = `Sick: one file says so.
-- machine.json --
{"env": {"CUDA_VISIBLE_DEVICES": "", "PATH": "/none", "LD_PRELOAD": "/none", "ODD": "a b"}}
-- root/etc/state --
broken
-- root.modes --
0500 etc
-- expect.json --
{"scenarios": [7], "distribution": "arch", "root_cause": "x.broken", "flags": ["--flag"],
 "findings": [{"code": "x.broken", "words": ["it is sick"]}]}
`
	well = "Well.\n-- root/etc/state --\nfine\n-- expect.json --\n{\"distribution\": \"arch\", \"healthy\": true}\n"
)

// corpusOf writes archives into a directory.
func corpusOf(t *testing.T, archives map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range archives {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func twoMachines(t *testing.T) []Machine {
	t.Helper()
	machines, err := Load(corpusOf(t, map[string]string{"sick.txtar": sick, "well.txtar": well, "README.md": "no machine"}))
	if err != nil || len(machines) != 2 {
		t.Fatalf("%v, %v", machines, err)
	}
	return machines
}

// script is a tool that a shell runs.
func script(t *testing.T, text string) Tool {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the fake tools are shell scripts")
	}
	name := filepath.Join(t.TempDir(), "tool.sh")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	tool, err := ParseTool("'" + name + "' {root} {machine}")
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

func score(t *testing.T, tool Tool, opt Options) Score {
	t.Helper()
	s, err := Run(context.Background(), twoMachines(t), tool, opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestScore(t *testing.T) {
	for _, c := range []struct {
		name, tool    string
		recall, cause float64
		alarms        int
	}{
		{"a right tool that prints text", `if grep -q broken "$1/etc/state"; then echo "It is sick"; exit 1; fi`, 1, 1, 0},
		{"a right tool that prints JSON", `if grep -q broken "$1/etc/state"; then echo '{"findings": [{"code": "x.broken", "severity": "error", "title": "it is sick"}]}'; exit 2
else echo '{"findings": []}'; fi`, 1, 1, 0},
		{"one that always says ok", `echo ok`, 0, 0, 0},
		{"one that always complains", `echo "error: it is sick"`, 1, 1, 1},
		{"one that crashes", `kill -9 $$`, 0, 0, 1},
		{"one that knows the names", `[ "$2" = sick ] && echo it is sick; exit 0`, 1, 1, 0},
		{"one that reads the variables", `[ "$BULKHEAD_MACHINE_ROOT" = "$1" ] && [ "${CUDA_VISIBLE_DEVICES-none}" != none ] && [ "$ODD" = "a b" ] && [ -z "$LD_PRELOAD" ] && [ "$PATH" != /none ] && echo it is sick; exit 0`, 1, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := score(t, script(t, c.tool), Options{})
			if s.Recall != c.recall || s.RootCauseFirst != c.cause || s.FalseAlarms != c.alarms {
				t.Errorf("%+v", s)
			}
			if s.Perfect() != (c.recall == 1 && c.cause == 1 && c.alarms == 0) {
				t.Errorf("perfect: %v", s.Perfect())
			}
		})
	}
}

// A tool that hangs ends with its children at the limit.
func TestTimeLimit(t *testing.T) {
	s := score(t, script(t, "sleep 36000 & wait"), Options{Limit: 200 * time.Millisecond, Jobs: 1})
	if s.Recall != 0 || s.FalseAlarms != 1 || !strings.Contains(s.Machines[0].Error, "no answer in 200ms") {
		t.Errorf("%+v", s)
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, twoMachines(t), script(t, "true"), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestToolThatIsNotThere(t *testing.T) {
	tool, err := ParseTool("no-such-doctor --root {root}")
	if err != nil {
		t.Fatal(err)
	}
	if s := score(t, tool, Options{}); s.Recall != 0 || !strings.Contains(s.Machines[0].Error, "no-such-doctor") {
		t.Errorf("%+v", s)
	}
}

func TestBundledTool(t *testing.T) {
	tool := BundledTool("/opt/bulkhead", "--no-cache")
	if want := []string{"/opt/bulkhead", "doctor", "--json", "--root", "{root}", "--no-cache"}; !slices.Equal(tool.words, want) || tool.Name != Bundled {
		t.Errorf("%+v", tool)
	}
	// Its flags are those of the machine, its environment is this process's.
	fake := script(t, `echo "{\"findings\": [{\"code\": \"x.broken\", \"title\": \"$3 ${ODD-it is sick}\"}]}"`)
	fake.bundled = true
	s := score(t, fake, Options{})
	if s.Recall != 1 {
		t.Errorf("%+v", s)
	}
}

func TestProgress(t *testing.T) {
	var seen []string
	score(t, script(t, "true"), Options{Jobs: 1, Progress: func(done, of int, name string) {
		if of != 2 || done != len(seen)+1 {
			t.Errorf("%d of %d", done, of)
		}
		seen = append(seen, name)
	}})
	if !slices.Equal(seen, []string{"sick", "well"}) {
		t.Errorf("%q", seen)
	}
}

// Nothing of a run stays behind, not even what a mode forbids to remove.
func TestNothingStays(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	score(t, script(t, `touch left-in-the-working-directory; chmod 0 "$1/etc/state"`), Options{})
	if left, _ := filepath.Glob(filepath.Join(dir, "bulkhead-corpus-*")); len(left) > 0 {
		t.Errorf("%q stay", left)
	}
}

func TestParseTool(t *testing.T) {
	for text, want := range map[string][]string{
		"a b":                  {"a", "b"},
		" a  'b c' \"d 'e\" ":  {"a", "b c", "d 'e"},
		"a ''":                 {"a", ""},
		"sh -c 'x; y {root}'":  {"sh", "-c", "x; y {root}"},
		"":                     nil,
		"a 'b":                 nil,
		"pre'fix and 'suffix'": nil,
		"pre'fix and 'suffix":  {"prefix and suffix"},
	} {
		tool, err := ParseTool(text)
		if (err != nil) != (want == nil) || !slices.Equal(tool.words, want) {
			t.Errorf("%q gives %q, %v", text, tool.words, err)
		}
	}
}

func TestLoadMistakes(t *testing.T) {
	for archive, want := range map[string]string{
		"c\n-- root/x --\n":                                              "m.txtar: it has no expect.json",
		"c\n-- expect.json --\n{\n\"x\":":                                "m.txtar:4: expect.json: unexpected EOF",
		"-- expect.json --\n{\"distribution\": 3}\n":                     "m.txtar:2: expect.json: json: cannot unmarshal",
		"-- etc/passwd --\n-- expect.json --\n" + well[len(well)-43:]:    `m.txtar:1: "etc/passwd" is no recipe`,
		"-- root.links --\nx\n-- expect.json --\n" + well[len(well)-43:]: "m.txtar:2: ",
	} {
		dir := corpusOf(t, map[string]string{"m.txtar": archive})
		_, err := Load(dir)
		var e *machinetree.Error
		if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), filepath.Join(dir, want)) {
			t.Errorf("%q gives %v, want %s", archive, err, want)
		}
	}
	dir := corpusOf(t, map[string]string{"sick.txtar": sick})
	if _, err := Load(dir, "none"); err == nil || !strings.Contains(err.Error(), `no machine "none"`) {
		t.Errorf("%v", err)
	}
	if _, err := Load(t.TempDir()); err == nil || !strings.Contains(err.Error(), "has no machines") {
		t.Errorf("%v", err)
	}
	if _, err := Load(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestUnpack(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes of Unix")
	}
	m := twoMachines(t)[0]
	dir := filepath.Join(t.TempDir(), "new")
	if err := m.Unpack(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = remove(dir) })
	if data, err := os.ReadFile(filepath.Join(dir, "etc", "state")); err != nil || string(data) != "broken\n" {
		t.Errorf("%q, %v", data, err)
	}
	if err := m.Unpack(dir); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("%v", err)
	}
}

func TestWriters(t *testing.T) {
	s := score(t, script(t, `echo "Warning"`), Options{})
	var doc, text, verbose bytes.Buffer
	if err := errors.Join(s.WriteJSON(&doc), s.WriteText(&text, report.Options{}), s.WriteText(&verbose, report.Options{Verbose: true})); err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := json.Unmarshal(doc.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{"recall": 0.0, "false_alarms": 1.0, "root_cause_first": 0.0, "schema_version": report.SchemaVersion} {
		if back[key] != want {
			t.Errorf("%s is %v, want %v", key, back[key], want)
		}
	}
	if list, ok := back["machines"].([]any); !ok || len(list) != 2 {
		t.Errorf("%v", back["machines"])
	}
	for _, want := range []string{"sick: missed x.broken", "sick: root cause x.broken expected first, was \"\"", "well: false alarm", "2 machines (1 healthy)", "recall            0.0 %", "false alarms      1"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	if verbose.Len() < text.Len() {
		t.Error("verbose says less")
	}
	if got := percent(0.9999); got != "99.9 %" {
		t.Errorf("%s", got)
	}
}

func TestList(t *testing.T) {
	l := NewList(twoMachines(t))
	var doc, text bytes.Buffer
	if err := errors.Join(l.WriteJSON(&doc), l.WriteText(&text, report.Options{})); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "sick  arch  x.broken  Sick: one file says so.") || !strings.Contains(text.String(), "well  arch  healthy   Well.") {
		t.Errorf("%s", text.String())
	}
	if !strings.Contains(doc.String(), `"root_cause": "x.broken"`) || !json.Valid(doc.Bytes()) {
		t.Errorf("%s", doc.String())
	}
}
