// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// terminal opens a pseudo-terminal of some columns: our end and the program's.
func terminal(t *testing.T, columns uint16) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = ours.Close() })
	fd := int(ours.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: columns})
	}
	if err != nil {
		t.Fatal(err)
	}
	theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	return ours, theirs
}

// onTerminal returns what a diagnosis prints on a terminal.
func onTerminal(t *testing.T, columns uint16, env []string, args ...string) string {
	t.Helper()
	build(t)
	root := t.TempDir()
	if err := unpackMachines(root, "base", "rtx4090", "nouveau"); err != nil {
		t.Fatal(err)
	}
	ours, theirs := terminal(t, columns)
	cmd := exec.Command(bulkhead(), append([]string{"doctor", "--root", root}, args...)...)
	cmd.Env = append([]string{"HOME=" + t.TempDir(), "TERM=xterm-256color", "LANG=C.UTF-8"}, env...)
	cmd.Stdout, cmd.Stderr = theirs, theirs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = theirs.Close()
	text, _ := io.ReadAll(ours) // ends with an error when the program is gone
	_ = cmd.Wait()
	if !strings.Contains(string(text), "nouveau holds the GPU") {
		t.Fatalf("no report: %q", text)
	}
	return string(text)
}

// Colour follows the terminal, the flag and three variables.
func TestColour(t *testing.T) {
	for name, tt := range map[string]struct {
		env, args []string
		colour    bool
	}{
		"a terminal":        {nil, nil, true},
		"--no-color":        {nil, []string{"--no-color"}, false},
		"NO_COLOR":          {[]string{"NO_COLOR=1"}, nil, false},
		"an empty variable": {[]string{"NO_COLOR="}, nil, true},
		"CI":                {[]string{"CI=true"}, nil, false},
		"a dumb terminal":   {[]string{"TERM=dumb"}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			text := onTerminal(t, 80, tt.env, tt.args...)
			if got := strings.Contains(text, "\x1b["); got != tt.colour {
				t.Errorf("colour %v, want %v: %q", got, tt.colour, text)
			}
		})
	}
}

// Lines are as long as the terminal is wide.
func TestWidth(t *testing.T) {
	longest := func(columns uint16) int {
		most := 0
		for line := range strings.Lines(onTerminal(t, columns, nil, "--no-color", "-v")) {
			if line = strings.TrimRight(line, "\r\n"); len(strings.Fields(line)) > 1 {
				most = max(most, utf8.RuneCountInString(line))
			}
		}
		return most
	}
	narrow, wide := longest(60), longest(110)
	if narrow > 60 || wide > 110 || wide <= 80 {
		t.Errorf("%d columns on a terminal of 60, %d on one of 110", narrow, wide)
	}
}

// Slow work is told on a terminal, and the line goes away.
func TestSlowWorkIsTold(t *testing.T) {
	build(t)
	dir := t.TempDir()
	if err := unpackMachines(filepath.Join(dir, "box"), "base"); err != nil {
		t.Fatal(err)
	}
	if err := copyProgram(extra("hostile"), filepath.Join(dir, "hang-collect")); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "bulkhead.hcl")
	if err := os.WriteFile(config, []byte("plugin \"hang-collect\" {\n  source = \"./hang-collect\"\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ours, theirs := terminal(t, 80)
	cmd := exec.Command(bulkhead(), "doctor", "--root", filepath.Join(dir, "box"), "-c", config, "--timeout", "8s")
	cmd.Env = []string{"HOME=" + t.TempDir(), "TERM=xterm-256color", "LANG=C.UTF-8"}
	cmd.Stdout, cmd.Stderr = theirs, theirs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = theirs.Close()
	text, _ := io.ReadAll(ours) // ends with an error when the program is gone
	_ = cmd.Wait()
	told := regexp.MustCompile(`collecting facts, [0-9]+s so far`).FindIndex(text)
	if told == nil || !bytes.Contains(text[told[1]:], []byte("\r\x1b[K")) {
		t.Errorf("%q", text)
	}
}
