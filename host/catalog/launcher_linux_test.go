// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-ml/bulkhead/host/plugin"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// launcher knows real plugins, by the names of their programs.
func launcher(t *testing.T, names ...string) *Launcher {
	t.Helper()
	c, err := Open(nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if _, err := c.AddPath(program(t, name)); err != nil {
			t.Fatal(err)
		}
	}
	l := &Launcher{Catalog: c, Logger: hclog.NewNullLogger()}
	t.Cleanup(func() { _ = l.Close(context.Background()) })
	return l
}

func mustStart(t *testing.T, l *Launcher, name string) *Running {
	t.Helper()
	r, err := l.Start(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// answers reports whether a plugin can be called.
func answers(ctx context.Context, r *Running) error {
	_, err := pluginv1.NewPluginServiceClient(r.Conn()).Describe(ctx, &pluginv1.DescribeRequest{})
	return r.CallError(err)
}

func kill9(t *testing.T, r *Running) {
	t.Helper()
	if err := syscall.Kill(r.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	// It is dead when nobody has its number any more, which is some time before
	// the host knows the cause and has cleared up.
	for syscall.Kill(r.PID(), 0) == nil {
		time.Sleep(100 * time.Microsecond)
	}
}

// restarted starts a plugin again that was killed. For the moment in which the
// goroutine that waited for it did not get to tell, it is the one that is dead.
func restarted(t *testing.T, l *Launcher, name string, dead *Running) *Running {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if r := mustStart(t, l, name); r != dead {
			return r
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d again", dead.PID())
		}
	}
}

// patience is far more than a start, a call or an end takes on a busy machine.
const patience = time.Minute

// soon fails the test when the rest of it takes longer than the limit.
func soon(t *testing.T, limit time.Duration) func() {
	begin := time.Now()
	return func() {
		t.Helper()
		if took := time.Since(begin); took > limit {
			t.Errorf("took %v, more than %v", took, limit)
		}
	}
}

// A plugin that dies between two uses is there again for the second, even when
// nobody has seen yet that it is dead.
func TestLauncherRestartsAfterKill(t *testing.T) {
	l := launcher(t, "hello-check")
	first := mustStart(t, l, "hello-check")
	kill9(t, first)
	second := restarted(t, l, "hello-check", first)
	if err := answers(t.Context(), second); err != nil {
		t.Error(err)
	}
	if err := answers(t.Context(), first); err == nil || !strings.Contains(err.Error(), "signal killed") {
		t.Errorf("the first says %v", err)
	}
	if running := l.Running(); len(running) != 1 || running[0] != second {
		t.Errorf("running %v", running)
	}
}

func TestLauncherCrashLoop(t *testing.T) {
	for name, tt := range map[string]struct {
		after func(*testing.T, *Running)
		want  []string
	}{
		"hello-check": {kill9, []string{"failed 5 times in a row", "signal killed"}},
		"exit-start":  {nil, []string{"failed 5 times in a row", "exit status 3", "no licence found"}},
		"wrong-code":  {nil, []string{"failed 5 times in a row", "describes itself wrongly", "EVIL!"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := launcher(t, name)
			var loop *plugin.CrashLoopError
			var dead *Running
			for starts := 0; starts < 6; {
				r, err := l.Start(t.Context(), name)
				if errors.As(err, &loop) {
					break
				}
				if (err == nil) != (tt.after != nil) {
					t.Fatal(err)
				}
				if err == nil && r == dead { // see restarted
					continue
				}
				if starts++; err == nil {
					tt.after(t, r)
					dead = r
				}
			}
			if loop == nil || loop.Deaths != 5 {
				t.Fatalf("no crash loop: %v", loop)
			}
			for _, text := range tt.want {
				if !strings.Contains(loop.Error(), text) {
					t.Errorf("%q lacks %q", loop, text)
				}
			}
		})
	}
}

// What the host ended itself is no crash, however often.
func TestLauncherForgivesWhatTheHostClosed(t *testing.T) {
	defer soon(t, patience)()
	l := launcher(t, "hello-check")
	for range 7 {
		r := mustStart(t, l, "hello-check")
		go r.Close(context.Background())
		_ = answers(t.Context(), r)
		_ = r.Close(context.Background())
	}
}

// Many who ask at once get one process, of each of two plugins.
func TestLauncherConcurrentStarts(t *testing.T) {
	l := launcher(t, "hello-check", "crash-check")
	var wg sync.WaitGroup
	got := make([]*Running, 8)
	for i := range got {
		wg.Go(func() {
			var err error
			if got[i], err = l.Start(t.Context(), []string{"hello-check", "crash-check"}[i%2]); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i, r := range got {
		if r != got[i%2] {
			t.Errorf("start %d gave another process", i)
		}
	}
	if got[0] == got[1] || len(l.Running()) != 2 {
		t.Errorf("running %v", l.Running())
	}
}

// A start that hangs keeps nobody from looking, from leaving or from closing.
func TestLauncherHangingStart(t *testing.T) {
	defer soon(t, patience)()
	l := launcher(t, "hang-start", "hello-check")
	hanging := make(chan error, 1)
	go func() {
		_, err := l.Start(context.Background(), "hang-start")
		hanging <- err
	}()
	mustStart(t, l, "hello-check")
	if n := len(l.Running()); n != 1 {
		t.Errorf("%d plugins run", n)
	}
	brief, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := l.Start(brief, "hang-start"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a caller in a hurry got %v", err)
	}
	closing := soon(t, patience/2)
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}
	closing()
	if err := <-hanging; err == nil {
		t.Error("a plugin that never answered has started")
	}
	if _, err := l.Start(t.Context(), "hello-check"); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// A plugin lives as long as the launcher and not as long as the call that
// started it.
func TestLauncherLifetime(t *testing.T) {
	l := launcher(t, "hello-check")
	life, end := context.WithCancel(context.Background())
	defer end()
	l.Lifetime = life
	call, over := context.WithCancel(t.Context())
	r, err := l.Start(call, "hello-check")
	if err != nil {
		t.Fatal(err)
	}
	over()
	if err := answers(t.Context(), r); err != nil {
		t.Errorf("after its call: %v", err)
	}
	end()
	select {
	case <-r.Done():
	case <-time.After(patience):
		t.Error("the plugin outlives the launcher")
	}
}

// A plugin of a pinned digest is not asked again what this very executable said
// before; one without is.
func TestPinnedPluginsAreAskedOnce(t *testing.T) {
	name := "hello-check"
	l := launcher(t, name)
	l.CacheDir = t.TempDir()
	first := mustStart(t, l, name)
	kept := proto.CloneOf(first.Description)
	kept.Checks[0].Title = "As it was kept"
	if err := writeAtomic(l.descriptionFile(first.Digest()), kept); err != nil {
		t.Fatal(err)
	}
	for digest, want := range map[string]string{first.Digest(): "As it was kept", "": first.Description.Checks[0].Title} {
		again := launcher(t, name)
		again.CacheDir = l.CacheDir
		again.Catalog.entries[name].Digest = digest
		if got := mustStart(t, again, name).Description.Checks[0].Title; got != want {
			t.Errorf("pinned as %q: %q, want %q", digest, got, want)
		}
	}
}
