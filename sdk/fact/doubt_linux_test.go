// SPDX-License-Identifier: Apache-2.0

package fact

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// TestFilesWithoutTimesBelowAnyRoot: a node's /proc that a container sees below
// /host/proc is no better than the one at its own place.
func TestFilesWithoutTimesBelowAnyRoot(t *testing.T) {
	node := &pluginv1.Target{Root: "/proc"}
	got, ttl := inputsOf(t, node, time.Minute, func(t *Target, _ *Recorder) { t.ReadText("/uptime"); _, _ = t.ReadDir("/sys/kernel") })
	if ttl == 0 || got["DIGEST /uptime"] == nil || got["DIGEST /sys/kernel"] == nil {
		t.Fatalf("kept for %v with inputs %v", ttl, got)
	}
	time.Sleep(20 * time.Millisecond) // it has hundredths
	if TargetFromProto(node).Unchanged(got["DIGEST /uptime"]) {
		t.Error("a file of /proc is the same though its content is another")
	}
	if !TargetFromProto(node).Unchanged(got["DIGEST /sys/kernel"]) {
		t.Error("the names are the same")
	}
	if _, ttl := inputsOf(t, node, time.Minute, func(t *Target, _ *Recorder) { open(t, "/version") }); ttl != 0 {
		t.Error("facts are kept of a file whose reading leaves no trace")
	}
}

func TestTimesOf(t *testing.T) {
	for name, want := range map[string]timesKind{
		"/proc/version": timesNone, "/sys/kernel": timesNone, "/dev/shm": timesOfChanges, "/proc/none": timesUnknown,
	} {
		if got := timesAt(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	for magic, want := range map[int64]timesKind{
		0xef53: timesOfChanges, 0x58465342: timesOfChanges, 0x9123683e: timesOfChanges, 0x794c7630: timesOfChanges,
		0x9fa0: timesNone, 0x62656572: timesNone, 0x63677270: timesNone,
		0x6969: timesUnknown, 0x65735546: timesUnknown, 0x4d44: timesUnknown, 0x73717368: timesUnknown, 0: timesUnknown,
	} {
		if got := timesByMagic[magic]; got != want {
			t.Errorf("%#x: %v, want %v", magic, got, want)
		}
	}
}

// TestTimesThatTellTooLittle: of a network's file system, or an image whose
// times its maker chose, nothing is kept but that a name is there or not.
func TestTimesThatTellTooLittle(t *testing.T) {
	root := inputTree(t)
	info := mustLstat(t, filepath.Join(root, "a/b/file"))
	n := nodeOf(info)
	id, _ := n.identity()
	for name, look := range map[string]func(*Target){
		"content": func(t *Target) { t.ReadText("/a/b/file") },
		"list":    func(t *Target) { _, _ = t.ReadDir("/a") },
	} {
		got, ttl := inputsOf(t, &pluginv1.Target{Root: root}, time.Minute, func(t *Target, _ *Recorder) {
			t.times.Store(id.device, timesUnknown)
			look(t)
		})
		if ttl != 0 || len(got) > 0 {
			t.Errorf("%s: kept for %v", name, ttl)
		}
	}
	if _, ttl := inputsOf(t, &pluginv1.Target{Root: root}, time.Minute, func(t *Target, _ *Recorder) {
		t.times.Store(id.device, timesUnknown)
		t.Exists("/a/none")
	}); ttl == 0 {
		t.Error("absence needs no times")
	}
}

// TestNeverReadAgain: what a plugin says that it read is not always what the host
// may read: the kernel's log waits for a line, and takes it from whoever reads.
func TestNeverReadAgain(t *testing.T) {
	live := &Target{Root: "/", Live: true}
	for _, name := range []string{"/proc/kmsg", "/sys/kernel/debug/tracing/trace_pipe", "/etc/passwd", "/dev/null"} {
		done := make(chan bool, 1)
		go func() {
			done <- live.Unchanged(&pluginv1.Input{Path: name, Kind: pluginv1.Input_KIND_DIGEST, Digest: digestOf(nil, nil)})
		}()
		select {
		case same := <-done:
			if same {
				t.Errorf("%s is unchanged", name)
			}
		case <-time.After(time.Minute):
			t.Errorf("the host waits for %s", name)
		}
	}
}

// TestLinksOfAForeignRoot: a link of the examined machine leads to a place of
// that machine, also on the way to a name.
func TestLinksOfAForeignRoot(t *testing.T) {
	root := inputTree(t)
	outside := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(root, "lib")); err != nil {
		t.Fatal(err)
	}
	inside := filepath.Join(root, outside)
	if err := os.MkdirAll(inside, 0o755); err != nil {
		t.Fatal(err)
	}
	absent := &pluginv1.Input{Path: "/lib/none", Kind: pluginv1.Input_KIND_ABSENT}
	if !(&Target{Root: root}).Unchanged(absent) {
		t.Error("nothing is there")
	}
	if err := os.WriteFile(filepath.Join(inside, "none"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if (&Target{Root: root}).Unchanged(absent) {
		t.Error("the file that appeared was looked for on the host's own disk")
	}
}
