// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// crashVariable makes the test binary a host that writes and dies.
const crashVariable = "BULKHEAD_TEST_CRASH_AUDIT"

func TestMain(m *testing.M) {
	if order := os.Getenv(crashVariable); order != "" {
		crashing(order)
	}
	os.Exit(m.Run())
}

// crashing is that host. The order is JSON of victim.
func crashing(text string) {
	var v victim
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		panic(err)
	}
	c := newChain(v.Dir, testHost)
	smallFiles(c)
	c.fail, c.write = v.fail, v.write
	l, err := start(c)
	if err != nil {
		panic(err)
	}
	for w := range v.Workers {
		go work(l, w)
	}
	select {}
}

// work prints each record that is promised to be on disk.
func work(l *Log, worker int) {
	for i := 0; ; i++ {
		r := l.Append("p", numbered(worker, i))
		if err := r.Wait(context.Background()); err != nil {
			panic(err)
		}
		fmt.Printf("%s\n", r.Anchor())
	}
}

// victim says when a host dies.
type victim struct {
	Dir     string
	Workers int
	Step    string // dies before this step; "" never
	Skip    int    // passes it so many times before
	Torn    bool   // writes half of the batch and dies
}

func (v *victim) fail(step string) error {
	if step != v.Step || v.Torn {
		return nil
	}
	if v.Skip--; v.Skip < 0 {
		die()
	}
	return nil
}

func (v *victim) write(f *os.File, b []byte) (int, error) {
	if v.Torn {
		if v.Skip--; v.Skip < 0 {
			_, _ = f.Write(b[:len(b)/2])
			die()
		}
	}
	return f.Write(b)
}

// die ends the process as SIGKILL does.
func die() {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {}
}

// run lets the victim live until it dies, or is killed after a time, and
// returns the anchors of what it was promised.
func (v victim) run(t *testing.T, limit time.Duration) []Anchor {
	t.Helper()
	order, err := json.Marshal(v)
	must(t, err)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashVariable+"="+string(order))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	timer := time.AfterFunc(limit, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	anchors := promised(t, out)
	if err := cmd.Wait(); err == nil {
		t.Error("the host did not die")
	}
	return anchors
}

func promised(t *testing.T, r io.Reader) []Anchor {
	t.Helper()
	var out []Anchor
	in := bufio.NewReader(r)
	for {
		text, err := in.ReadString('\n')
		if err != nil {
			return out // the last line may be torn
		}
		a, err := ParseAnchor(strings.TrimSpace(text))
		must(t, err)
		out = append(out, a)
	}
}

// survives wants every promised record, and a log that is intact before and
// after the next host, which goes on.
func survives(t *testing.T, dir string, anchors []Anchor) *Verdict {
	t.Helper()
	before, err := Verify(dir, anchors...)
	must(t, err)
	l := opened(t, dir, nil)
	must(t, l.Append("p", Denial{What: "after"}).Wait(context.Background()))
	must(t, l.Close())
	after, err := Verify(dir, anchors...)
	must(t, err)
	verdict(t, dir) // by the stranger, too
	if !before.Intact || !after.Intact {
		t.Fatalf("before the next host %+v,\nafter it %+v", before, after)
	}
	if len(after.Notes) > 0 && len(records(t, dir, Query{Kind: KindRepair})) == 0 {
		t.Errorf("notes %q", after.Notes)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*"+pendingSuffix)); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	return after
}

// steps that a commit passes, those of a repair apart.
var steps = []string{
	"locking", "reading the end", "opening a file", "syncing a new file", "writing records", "syncing records",
	"writing the head", "renaming the head", "syncing the directory",
}

// TestStepsAreComplete keeps the list above true.
func TestStepsAreComplete(t *testing.T) {
	dir, seen := t.TempDir(), map[string]bool{}
	write(t, dir, 1, func(c *chain) { c.fail = func(step string) error { seen[step] = true; return nil } })
	for _, s := range steps {
		if !seen[s] {
			t.Errorf("no commit passes %q", s)
		}
		delete(seen, s)
	}
	if len(seen) > 0 {
		t.Errorf("not in the list: %v", seen)
	}
}

// TestCrashesAtEveryStep kills a host at every step of its first commits and of
// later ones.
func TestCrashesAtEveryStep(t *testing.T) {
	for _, step := range steps {
		for _, skip := range []int{0, 1, 7} {
			if late := step != "reading the end" && step != "opening a file" && step != "syncing a new file"; skip > 0 && (!late || testing.Short()) {
				continue // only a first commit passes the others, or a rotation
			}
			t.Run(step+" "+strconv.Itoa(skip), func(t *testing.T) {
				dir := t.TempDir()
				survives(t, dir, victim{Dir: dir, Workers: 2, Step: step, Skip: skip}.run(t, time.Minute))
			})
		}
	}
}

// TestCrashesInTheMiddleOfAWrite leaves a torn line, then kills the host that
// repairs it at every step of the repair.
func TestCrashesInTheMiddleOfAWrite(t *testing.T) {
	repair := []string{"", "moving a torn line", "cutting a torn line off", "writing records", "syncing records", "settling a torn line", "writing the head"}
	for _, step := range repair {
		t.Run("then "+step, func(t *testing.T) {
			dir := t.TempDir()
			anchors := victim{Dir: dir, Workers: 1, Torn: true, Skip: 3}.run(t, time.Minute)
			if v := verdict(t, dir); !v.Intact || !slices.ContainsFunc(v.Notes, func(n string) bool { return strings.Contains(n, "torn line") }) {
				t.Errorf("verdict on a torn line: %+v", v)
			}
			if step != "" {
				victim{Dir: dir, Workers: 1, Step: step}.run(t, time.Minute)
			}
			survives(t, dir, anchors)
			if got := records(t, dir, Query{Kind: KindRepair}); len(got) == 0 {
				t.Error("no record of a repair")
			}
			if aside, _ := filepath.Glob(filepath.Join(dir, "torn-*"+asideSuffix)); len(aside) != 1 {
				t.Errorf("side files %v", aside)
			}
		})
	}
}

// TestKillsUnderLoad kills one of two hosts at random times, again and again
// over the same log.
func TestKillsUnderLoad(t *testing.T) {
	dir := t.TempDir()
	var anchors []Anchor
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	for end := time.Now().Add(2 * time.Minute); rounds > 0 || len(anchors) < 50 && time.Now().Before(end); rounds-- {
		l := opened(t, dir, smallFiles)
		stop := make(chan struct{})
		done := make(chan []Anchor)
		go func() { done <- untilStopped(t, l, stop) }()
		anchors = append(anchors, victim{Dir: dir, Workers: 8}.run(t, time.Duration(50+rand.IntN(250))*time.Millisecond)...)
		close(stop)
		anchors = append(anchors, <-done...)
		must(t, l.Close())
	}
	if len(anchors) < 50 {
		t.Errorf("only %d records were promised", len(anchors))
	}
	survives(t, dir, anchors)
}

func untilStopped(t *testing.T, l *Log, stop <-chan struct{}) (out []Anchor) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return out
		default:
			r := l.Append("survivor", numbered(99, i))
			if err := r.Wait(context.Background()); err != nil {
				t.Error(err)
				return out
			}
			out = append(out, r.Anchor())
		}
	}
}
