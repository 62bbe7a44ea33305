// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// network is a network namespace that is made while the host prepares the rest of
// a launch: the kernel takes longer for it than for all other namespaces and
// mounts together. It belongs to one launch, and lives no longer than its program,
// since nothing else keeps it once the descriptor is closed.
type network struct {
	made chan struct{} // closed when file or err is there
	file *os.File
	err  error
}

// networkThreads make namespaces on threads that are used for nothing else, so that
// it does not matter what network they are in meanwhile.
var networkThreads = sync.OnceValue(func() chan<- *network {
	jobs := make(chan *network)
	for range min(maxForkThreads, runtime.NumCPU()) {
		go func() {
			runtime.LockOSThread()
			for n := range jobs {
				n.file, n.err = newNetwork()
				close(n.made)
			}
		}()
	}
	return jobs
})

// beginNetwork starts to make a namespace and does not wait for it.
func beginNetwork() *network {
	n := &network{made: make(chan struct{})}
	threads := networkThreads()
	select {
	case threads <- n:
	default: // all threads are busy, or not there yet
		go func() { threads <- n }()
	}
	return n
}

// newNetwork makes a namespace on this thread and leaves it again. A namespace that
// the thread stayed in would live as long as the thread.
func newNetwork() (*os.File, error) {
	host, err := hostNetwork()
	if err != nil {
		return nil, err
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, err
	}
	fd, err := threadNetwork()
	if back := unix.Setns(int(host.Fd()), unix.CLONE_NEWNET); err == nil && back != nil {
		_ = unix.Close(fd)
		err = back
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "network namespace"), nil
}

// threadNetwork opens the network namespace of this thread. A socket names it without
// /proc: entries of a thread there are cleared away when it ends, and whoever waits
// for the end of the host waits, turning in the kernel, for that.
func threadNetwork() (int, error) {
	if s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err == nil {
		defer func() { _ = unix.Close(s) }()
		if fd, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(s), unix.SIOCGSKNS, 0); errno == 0 {
			return int(fd), nil
		}
	}
	return unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
}

// hostNetwork is the host's own network namespace.
var hostNetwork = sync.OnceValues(func() (*os.File, error) { return os.Open("/proc/self/ns/net") })

// wait returns the namespace.
func (n *network) wait() (*os.File, error) {
	<-n.made
	return n.file, n.err
}

// discard lets go of the namespace; a program that is in it keeps it.
func (n *network) discard() {
	select {
	case <-n.made:
		if n.file != nil {
			_ = n.file.Close()
		}
	default:
		go func() {
			<-n.made
			n.discard()
		}()
	}
}
