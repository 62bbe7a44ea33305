// SPDX-License-Identifier: Apache-2.0

package selftest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/bulkhead-ml/bulkhead/internal/attack"
)

// stage is the scene with the means to see what became of it.
type stage struct {
	exe     string
	dir     string
	scene   attack.Scene
	sealed  *os.File // shared memory; nil where there is none
	reached atomic.Pointer[string]
	closers []io.Closer
	victim  *exec.Cmd
	life    io.Closer // the victim's standard input
	died    chan struct{}
}

const publicText = "anybody may change this\n"

// stagePrefix begins the name of a stage's directory; the id of its host follows.
const stagePrefix = "bulkhead-selftest-"

// sweep removes what a killed host left: stages whose host is gone.
func sweep() {
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), stagePrefix+"*"))
	for _, dir := range left {
		id, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), stagePrefix), "-")
		if pid, err := strconv.Atoi(id); err == nil && !alive(pid) {
			_ = os.RemoveAll(dir)
		}
	}
}

func newStage(exe string) (s *stage, err error) {
	sweep()
	dir, err := os.MkdirTemp("", stagePrefix+strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return nil, err
	}
	s = &stage{exe: exe, dir: dir}
	s.scene.Canary = "canary-" + rand.Text()
	// A host that passed its environment on would give the secret away.
	err = os.Setenv("BULKHEAD_SELFTEST_SECRET", s.scene.Canary)
	err = errors.Join(err, os.Chmod(dir, 0o755), s.files(), s.sockets(), s.memory(), s.startVictim())
	if err != nil {
		s.close()
		return nil, err
	}
	s.scene.HostPID = os.Getpid()
	s.scene.Home, _ = os.UserHomeDir()
	return s, nil
}

// files makes the secret, and names what refresh makes.
func (s *stage) files() error {
	s.scene.Secret = filepath.Join(s.dir, "secret")
	s.scene.Open = filepath.Join(s.dir, "open")
	s.scene.Public = filepath.Join(s.scene.Open, "public")
	s.scene.Grant = filepath.Join(s.dir, "grant")
	s.scene.GrantProg = filepath.Join(s.scene.Grant, "program")
	return os.WriteFile(s.scene.Secret, []byte(s.scene.Canary), 0o600)
}

// openDir makes an empty directory that everybody may write to.
func openDir(name string) error {
	return errors.Join(os.RemoveAll(name), os.Mkdir(name, 0o700), os.Chmod(name, 0o777))
}

// sockets listens in every way that an attack tries to reach.
func (s *stage) sockets() error {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.accept(tcp, "a TCP service was reached")
	s.scene.TCP = tcp.Addr().String()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.receive(udp)
	s.scene.UDP = udp.LocalAddr().String()
	return s.localSockets()
}

// accept notes every connection.
func (s *stage) accept(l net.Listener, what string) {
	s.closers = append(s.closers, l)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.reached.Store(&what)
			_ = c.Close()
		}
	}()
}

// receive notes every packet.
func (s *stage) receive(c net.PacketConn) {
	what := "a UDP packet arrived"
	s.closers = append(s.closers, c)
	go func() {
		for {
			if _, _, err := c.ReadFrom(make([]byte, 64)); err != nil {
				return
			}
			s.reached.Store(&what)
		}
	}()
}

// startVictim starts the process to be attacked.
func (s *stage) startVictim() error {
	cmd := exec.Command(s.exe, attack.Word, attack.Victim)
	cmd.Env = []string{attack.SceneEnv + "={}", "SECRET=" + s.scene.Canary}
	life, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting a victim: %w", err)
	}
	s.victim, s.life, s.died = cmd, life, make(chan struct{})
	s.scene.VictimPID = cmd.Process.Pid
	go func(died chan struct{}) {
		_ = cmd.Wait()
		close(died)
	}(s.died)
	return nil
}

// refresh puts everything back that an attack may have changed.
func (s *stage) refresh() error {
	s.reached.Store(nil)
	err := errors.Join(
		openDir(s.scene.Open), os.WriteFile(s.scene.Public, []byte(publicText), 0o600), os.Chmod(s.scene.Public, 0o666),
		openDir(s.scene.Grant), os.WriteFile(s.scene.GrantProg, smallProgram(), 0o755), os.Symlink("..", filepath.Join(s.scene.Grant, "out")),
	)
	select {
	case <-s.died:
		return errors.Join(err, s.startVictim())
	default:
		return err
	}
}

// damage tells what an attack did to the scene, "" when nothing.
func (s *stage) damage(private string) string {
	if what := s.reached.Load(); what != nil {
		return *what
	}
	select {
	case <-s.died:
		return "the victim was ended"
	default:
	}
	if text, err := os.ReadFile(s.scene.Public); err != nil || string(text) != publicText {
		return "a file outside was changed"
	}
	for dir, want := range map[string][]string{s.scene.Open: {"public"}, s.scene.Grant: {"out", "program"}, s.dir: {"grant", "open", private, "secret", "socket"}} {
		if extra := s.extra(dir, want); extra != "" {
			return "a file was left outside: " + extra
		}
	}
	return ""
}

// extra is a file of a directory that should not be there, "" without one.
func (s *stage) extra(dir string, want []string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err.Error()
	}
	for _, e := range entries {
		if !slices.Contains(want, e.Name()) {
			return e.Name()
		}
	}
	return ""
}

// close takes the scene down.
func (s *stage) close() {
	for _, c := range s.closers {
		_ = c.Close()
	}
	if s.life != nil {
		_ = s.life.Close()
		<-s.died
	}
	if s.sealed != nil {
		_ = s.sealed.Close()
	}
	_ = os.Unsetenv("BULKHEAD_SELFTEST_SECRET")
	_ = os.RemoveAll(s.dir)
}
