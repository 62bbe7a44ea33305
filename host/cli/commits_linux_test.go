// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// manySinks is a pipeline that writes one table to many files.
func manySinks(n int) string {
	text := "pipeline \"p\" {\n  source \"rows\" {\n    csv = \"rows.csv\"\n  }\n"
	for i := range n {
		text += fmt.Sprintf("  sink \"s%02d\" {\n    input = source.rows\n    csv   = \"out/%02d.csv\"\n  }\n", i, i)
	}
	return text + "}\n"
}

// sinkVersions counts the old and the new files, and those that are no targets.
func sinkVersions(t *testing.T, dir string) (old, now, others int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		switch {
		case err != nil:
			t.Fatal(err)
		case strings.HasPrefix(e.Name(), "."):
			others++
		case string(data) == "old\n":
			old++
		case string(data) == "a,b\n1,2\n":
			now++
		default:
			t.Fatalf("%s holds %q", e.Name(), data)
		}
	}
	return old, now, others
}

// killAtFirstRename starts a run and kills the host when the first of its files is
// in place. It returns when the host has ended.
func killAtFirstRename(t *testing.T, dir string) {
	t.Helper()
	watch, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	events := os.NewFile(uintptr(watch), "inotify")
	defer events.Close()
	if _, err := unix.InotifyAddWatch(watch, filepath.Join(dir, "out"), unix.IN_MOVED_TO); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bulkhead(), "run")
	cmd.Dir, cmd.Env = dir, homeEnv(dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := events.Read(buf)
			if err != nil || named(buf[:n]) {
				_ = cmd.Process.Kill()
				return
			}
		}
	}()
	_ = cmd.Wait() // killed, or done before it could be
}

// named reports whether one of the names of events is that of a target, which has no
// dot in front.
func named(events []byte) bool {
	for len(events) >= unix.SizeofInotifyEvent {
		length := int(events[12]) | int(events[13])<<8 | int(events[14])<<16
		name := events[unix.SizeofInotifyEvent : unix.SizeofInotifyEvent+length]
		if len(name) > 0 && name[0] != '.' {
			return true
		}
		events = events[unix.SizeofInotifyEvent+length:]
	}
	return false
}

// TestKilledWhileFilesAppear kills hosts between the first rename and the last one:
// after the next command all files are new, or all are old. Where the kill comes
// too late that is so as well.
func TestKilledWhileFilesAppear(t *testing.T) {
	build(t)
	const sinks, most = 40, 5
	torn := 0
	for try := 0; try < most && torn == 0; try++ {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "rows.csv"), "a,b\n1,2\n")
		write(t, filepath.Join(dir, "bulkhead.hcl"), manySinks(sinks))
		if err := os.Mkdir(filepath.Join(dir, "out"), 0o755); err != nil {
			t.Fatal(err)
		}
		for i := range sinks {
			write(t, filepath.Join(dir, "out", fmt.Sprintf("%02d.csv", i)), "old\n")
		}
		killAtFirstRename(t, dir)
		if old, now, _ := sinkVersions(t, filepath.Join(dir, "out")); old > 0 && now > 0 {
			torn++
		}
		cmd := exec.Command(bulkhead(), "runs", "list")
		cmd.Dir, cmd.Env = dir, homeEnv(dir)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		old, now, others := sinkVersions(t, filepath.Join(dir, "out"))
		if old != sinks && now != sinks || others > 0 {
			t.Fatalf("%d old files, %d new ones and %d others after: %s", old, now, others, out)
		}
		if torn > 0 && !strings.Contains(string(out), "died while it put its files in place; now they are") {
			t.Errorf("nothing is told: %s", out)
		}
	}
	t.Logf("%d of the kills came between two renames", torn)
}
