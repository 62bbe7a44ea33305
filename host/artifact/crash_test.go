// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"
)

// hostVariable makes the test binary a host. It is JSON of host.
const hostVariable = "BULKHEAD_TEST_ARTIFACT_HOST"

func TestMain(m *testing.M) {
	if order := os.Getenv(hostVariable); order != "" {
		other(order)
	}
	os.Exit(m.Run())
}

// host is another process that uses a store.
type host struct {
	Dir     string
	Options Options
	// DieAt is the step before which it dies; negative for none.
	DieAt int
	// Stress is how long it makes, reads and removes whatever it likes; 0 for one
	// life.
	Stress time.Duration
	// Forever goes on until it is killed.
	Forever bool
}

// other is that process.
func other(order string) {
	var h host
	err := json.Unmarshal([]byte(order), &h)
	if err == nil {
		err = h.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func (h host) run() error {
	s, err := Open(h.Dir, h.Options)
	if err != nil {
		return err
	}
	n := -1
	if h.DieAt >= 0 {
		s.fail = func(string) error {
			if n++; n == h.DieAt {
				die()
			}
			return nil
		}
	}
	if h.Stress == 0 {
		return life(s)
	}
	for end := time.Now().Add(h.Stress); h.Forever || time.Now().Before(end); {
		if err := stress(s); err != nil {
			return err
		}
	}
	return nil
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

// start starts such a host.
func (h host) start(t *testing.T) *exec.Cmd {
	t.Helper()
	order, err := json.Marshal(h)
	must(t, err)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), hostVariable+"="+string(order))
	cmd.Stderr = os.Stderr
	must(t, cmd.Start())
	return cmd
}

// TestCrashesAtEveryStep kills a host before every step of its life.
func TestCrashesAtEveryStep(t *testing.T) {
	for i, step := range stepsOf(t) {
		if testing.Short() && i%3 != 0 {
			continue
		}
		t.Run(fmt.Sprint(i, " ", step), func(t *testing.T) {
			dir := t.TempDir()
			h := host{Dir: dir, Options: before(t, dir), DieAt: i}
			if err := h.start(t).Wait(); err == nil {
				t.Fatal("the host did not die")
			}
			consistent(t, dir)
		})
	}
}

// stress does one thing that a host may do, to one of a few artifacts. The error
// is that of a broken promise.
func stress(s *Store) error {
	name := fmt.Sprint(rand.IntN(8))
	switch rand.IntN(10) {
	case 0:
		_, err := s.Sweep(time.Now())
		return err
	case 1:
		if err := s.Remove(keyOf(name)); err != nil && !errors.Is(err, ErrMissing) && !errors.Is(err, ErrPinned) {
			return err
		}
		return nil
	case 2, 3, 4:
		if err := put(s, name, 10+rand.IntN(3)); err != nil && !errors.Is(err, ErrNoRoom) {
			return err
		}
		return nil
	}
	err := check(s, name)
	if e, ok := errors.AsType[*MissingError](err); ok && e.Note == "" {
		return nil
	}
	return err
}

// room is for about four of the eight artifacts.
func room(t *testing.T) Options {
	dir := t.TempDir()
	s := opened(t, dir, Options{})
	must(t, put(s, "x", 12))
	return Options{MaxBytes: 4*sizeOf(t, s, "x") + 1000, TTL: time.Hour}
}

// TestFourHosts use one store at once; nobody sees half an artifact or loses one
// that is in use.
func TestFourHosts(t *testing.T) {
	h := host{Dir: t.TempDir(), Options: room(t), DieAt: -1, Stress: 2 * time.Second}
	if testing.Short() {
		h.Stress = 300 * time.Millisecond
	}
	var hosts []*exec.Cmd
	for range 4 {
		hosts = append(hosts, h.start(t))
	}
	for _, cmd := range hosts {
		if err := cmd.Wait(); err != nil {
			t.Errorf("a host failed: %v", err)
		}
	}
	settled(t, h)
}

// settled wants no file too many and none too large.
func settled(t *testing.T, h host) {
	t.Helper()
	s := opened(t, h.Dir, h.Options)
	got, err := s.Sweep(time.Now())
	must(t, err)
	if got.LeftBytes > h.Options.MaxBytes || got.Damaged > 0 {
		t.Errorf("swept %+v of at most %d bytes", got, h.Options.MaxBytes)
	}
	wantFiles(t, h.Dir, len(s.List()))
	for _, e := range s.List() {
		must(t, check(s, e.Info.Ingredients[1].Value))
	}
}

// TestKillsUnderLoad kills one of two hosts at random times, again and again
// over the same store.
func TestKillsUnderLoad(t *testing.T) {
	h := host{Dir: t.TempDir(), Options: room(t), DieAt: -1, Stress: time.Hour}
	survivor := h
	survivor.Stress = 2 * time.Second
	rounds := 10
	if testing.Short() {
		survivor.Stress, rounds = 300*time.Millisecond, 2
	}
	lives := survivor.start(t)
	for range rounds {
		victim := h.start(t)
		time.Sleep(survivor.Stress/time.Duration(rounds)/2 + time.Duration(rand.IntN(50))*time.Millisecond)
		must(t, victim.Process.Kill())
		_ = victim.Wait() // it was killed
	}
	if err := lives.Wait(); err != nil {
		t.Errorf("the other host failed: %v", err)
	}
	settled(t, h)
}

// TestGoroutines use one store of one process.
func TestGoroutines(t *testing.T) {
	h := host{Dir: t.TempDir(), Options: room(t)}
	s := opened(t, h.Dir, h.Options)
	errs := make(chan error)
	for range 8 {
		go func() {
			var err error
			for range 30 {
				err = errors.Join(err, stress(s))
			}
			errs <- err
		}()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	settled(t, h)
}

// TestPinsOfOtherHosts keep an artifact from being removed.
func TestPinsOfOtherHosts(t *testing.T) {
	dir := t.TempDir()
	o := before(t, dir)
	s := opened(t, dir, o)
	a, err := s.Get(keyOf("gone"))
	must(t, err)
	h := host{Dir: dir, Options: Options{MaxBytes: 1, TTL: time.Nanosecond}, DieAt: -1}
	if err := h.start(t).Wait(); err == nil { // it cannot remove what is in use, and has no room
		t.Error("the other host does all that it likes")
	}
	if got := left(t, s, "old", "gone", "kept"); got != "gone" {
		t.Errorf("left %s", got)
	}
	state, err := a.State()
	must(t, err)
	if string(state) != string(stateOf("gone")) {
		t.Errorf("state %q", state)
	}
	a.Close()
	must(t, s.Remove(keyOf("gone")))
	wantFiles(t, dir, 0)
}
