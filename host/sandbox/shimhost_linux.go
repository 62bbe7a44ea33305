// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// shim is the executor that executes the host's own binary again.
type shim struct {
	cmd   *exec.Cmd
	pidfd int
	send  *os.File // the pipe for the program
}

// startShim forks a shim and sends it the program.
func startShim(p *program, socket operand, namespaces uintptr) (child, error) {
	r, w, err := pipe()
	if err != nil {
		return child{}, err
	}
	defer w.Close()
	s := &shim{send: w, pidfd: -1}
	s.cmd = s.command(p, r, namespaces)
	err = onForkThread(s.cmd.Start)
	_ = r.Close()
	if err != nil {
		return child{}, err
	}
	c := child{pid: s.cmd.Process.Pid, pidfd: s.pidfd}
	_ = s.cmd.Process.Release()
	_ = s.write(p, socket) // a shim that went away says why on the socket, or its silence does
	return c, nil
}

func (s *shim) command(p *program, r *os.File, namespaces uintptr) *exec.Cmd {
	attr := &syscall.SysProcAttr{Cloneflags: namespaces, PidFD: &s.pidfd}
	if namespaces&unix.CLONE_NEWUSER != 0 {
		// Without a mapping there is no root whom exec would leave capabilities.
		for capability := range lastCapability() + 1 {
			attr.AmbientCaps = append(attr.AmbientCaps, uintptr(capability))
		}
	}
	return &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{shimName}, Env: []string{"GOGC=off", "GOMAXPROCS=2"},
		ExtraFiles: append([]*os.File{r}, p.files...), SysProcAttr: attr,
	}
}

// write sends the program through the pipe.
func (s *shim) write(p *program, socket operand) error {
	numbers := make([]int, len(p.files))
	for i := range numbers {
		numbers[i] = shimFiles + i
	}
	image := p.image(numbers)
	h := []header{{shimMagic, uint32(len(p.ops)), uint32(len(image)), uint32(len(p.pointers)), uint32(socket)}}
	for _, part := range [][]byte{bytesOf(h), bytesOf(p.ops), bytesOf(image), bytesOf(p.pointers)} {
		if _, err := s.send.Write(part); err != nil {
			return fmt.Errorf("send the program to the shim: %w", err)
		}
	}
	return nil
}

// pipe returns a pipe in blocking mode, which is what the shim expects.
func pipe() (r, w *os.File, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "pipe"), os.NewFile(uintptr(fds[1]), "pipe"), nil
}
