// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// programs are what the test binary can be behind a filter. Each returns its exit
// status.
var programs = map[string]func([]string) int{
	"work":   verdictOf(work),
	"tools":  verdictOf(tools),
	"refuse": tryAll,
	"foreign": func([]string) int {
		_, _, _ = unix.RawSyscall(firstX32|unix.SYS_GETPID, 0, 0, 0)
		return 0
	},
	"deny":  deny,
	"idle":  func([]string) int { time.Sleep(time.Minute); return 0 },
	"crowd": crowd,
	"after": after,
}

func verdictOf(run func(args []string) error) func([]string) int {
	return func(args []string) int {
		if err := run(args); err != nil {
			fmt.Println(err)
			return 1
		}
		return 0
	}
}

// work does what a Go plugin does: it serves on a socket of its own, uses files,
// timers, goroutines, the collector and signals to itself.
func work(args []string) error {
	dir := args[0]
	for _, step := range []func(string) error{files, goroutines, signals, serve} {
		if err := step(dir); err != nil {
			return err
		}
	}
	return nil
}

func files(dir string) error {
	name := filepath.Join(dir, "a", "b")
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	from, err := os.Create(name)
	if err != nil {
		return err
	}
	defer from.Close()
	if _, err := from.WriteString("text"); err != nil {
		return err
	}
	if _, err := from.Seek(0, io.SeekStart); err != nil {
		return err
	}
	to, err := os.CreateTemp(dir, "copy")
	if err != nil {
		return err
	}
	if n, err := io.Copy(to, from); n != 4 || err != nil { // copy_file_range
		return fmt.Errorf("copied %d bytes: %w", n, err)
	}
	return errors.Join(to.Sync(), to.Truncate(2), to.Close(), os.Rename(to.Name(), name), os.RemoveAll(filepath.Dir(name)))
}

func goroutines(string) error {
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			runtime.LockOSThread() // a thread each
			held := make([][]byte, 0, 64)
			for range 64 {
				held = append(held, make([]byte, 16<<10))
			}
			time.Sleep(time.Millisecond)
			runtime.KeepAlive(held)
		})
	}
	for range 3 {
		runtime.GC()
	}
	all.Wait()
	return nil
}

// signals reach the program itself by its pid and by the os package, which looks
// for pidfds first.
func signals(string) error {
	got := make(chan os.Signal, 2)
	signal.Notify(got, unix.SIGUSR1)
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	for _, send := range []func() error{
		func() error { return unix.Kill(os.Getpid(), unix.SIGUSR1) },
		func() error { return self.Signal(unix.SIGUSR1) },
	} {
		if err := send(); err != nil {
			return fmt.Errorf("signal to itself: %w", err)
		}
		<-got
	}
	return nil
}

// serve answers one request on a unix socket and ends.
func serve(dir string) error {
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute)
	defer stop()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
		stop()
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	<-ctx.Done()
	if err := server.Shutdown(context.Background()); err != nil {
		return err
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	if !errors.Is(ctx.Err(), context.Canceled) {
		return errors.New("nobody asked")
	}
	return nil
}

// tools runs another program and ends one.
func tools([]string) error {
	out, err := exec.Command("sh", "-c", "echo a | cat; exit 0").CombinedOutput()
	if err != nil || string(out) != "a\n" {
		return fmt.Errorf("sh: %q %w", out, err)
	}
	sleeper := exec.Command("sleep", "100")
	if err := sleeper.Start(); err != nil {
		return err
	}
	if err := sleeper.Process.Kill(); err != nil {
		return err
	}
	if err := sleeper.Wait(); signalOf(err) != unix.SIGKILL {
		return fmt.Errorf("sleep ended with %w", err)
	}
	return nil
}

func TestGoProgram(t *testing.T) {
	for _, p := range []Policy{
		{}, {Unspaced: true}, {Notify: true}, {Unspaced: true, Notify: true, ExecFD: 700}, {Exec: true, Devices: true, Notify: true},
	} {
		t.Run(fmt.Sprintf("%+v", p), func(t *testing.T) {
			t.Parallel()
			dir, err := os.MkdirTemp("/tmp", "sc") // a short name, for a socket
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			k := newKiller()
			s := start(t, p, Options{Strict: true, Kill: k.kill}, "work", "self", dir)
			k.attach(s)
			answer := ask(filepath.Join(dir, "s"))
			s.finish(t)
			if answer != "question" {
				t.Errorf("the program answered %q", answer)
			}
			if d := s.denials(); len(d) > 0 {
				t.Errorf("an honest program was refused %v", d)
			}
		})
	}
}

// ask puts one question to a program that may still be starting.
func ask(socket string) string {
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	defer client.CloseIdleConnections()
	for began := time.Now(); time.Since(began) < 2*time.Minute; {
		reply, err := client.Post("http://plugin/", "text/plain", strings.NewReader("question"))
		if err != nil {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		defer reply.Body.Close()
		body, _ := io.ReadAll(reply.Body)
		return string(body)
	}
	return "nothing"
}

func TestProgramsStartProgramsOnlyWithExec(t *testing.T) {
	start(t, Policy{Exec: true}, Options{}, "tools", "self").finish(t)
	s := start(t, Policy{Notify: true}, Options{}, "tools", "self")
	if err := s.wait(t); err == nil || !strings.Contains(s.out.String(), "operation not permitted") {
		t.Errorf("without Exec: %v: %s", err, s.out.String())
	}
	if count(s.denials(), "clone") == 0 {
		t.Errorf("clone is not among the refused: %v", s.denials())
	}
}

// TestForeignABI makes a call of the x32 ABI, which must end the program whether
// or not the kernel has it.
func TestForeignABI(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("only amd64 has a second ABI")
	}
	s := start(t, Policy{Exec: true, Devices: true}, Options{}, "foreign", "self")
	if got := signalOf(s.wait(t)); got != unix.SIGSYS {
		t.Errorf("ended by %v, not SIGSYS: %s", got, s.out.String())
	}
}
