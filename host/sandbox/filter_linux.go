// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"encoding/binary"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-ml/bulkhead/host/sandbox/seccomp"
)

// policy is the kind of program as the filter needs to know it.
func (a *attempt) policy() seccomp.Policy {
	return seccomp.Policy{Unspaced: !a.walls.spaced(), ExecFD: a.exeNumber(), Exec: a.spec.grants(Exec), Devices: a.spec.grants(Device)}
}

// planFilters builds the filter that reports refused calls to the host, and the
// one that only answers them, for kernels and containers without the former.
func (a *attempt) planFilters() (err error) {
	if !a.walls.seccomp {
		return nil
	}
	p := a.policy()
	if a.quiet, err = filterOf(p); err != nil {
		return a.failed("filter", "", err)
	}
	p.Notify, p.Trace = true, a.spec.Trace != nil
	if a.loud, err = filterOf(p); err != nil {
		return a.failed("filter", "", err)
	}
	return nil
}

// filters keeps the filters that were built, by their policies: there are few.
var filters sync.Map

func filterOf(p seccomp.Policy) (*seccomp.Filter, error) {
	if f, ok := filters.Load(p); ok {
		return f.(*seccomp.Filter), nil
	}
	f, err := p.Filter()
	if err == nil {
		filters.Store(p, f)
	}
	return f, err
}

// seccomp installs the filter as the last wall, since the steps before need calls
// that it refuses.
func (c *compiler) seccomp() {
	loud, quiet := c.filter(c.a.loud), c.filter(c.a.quiet)
	fast := int(seccomp.Policy{}.Flags()) // what makes a filter cheap on older kernels
	m := c.message(letterListener)
	var installed []ref
	for _, flags := range []int{
		fast | unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
		fast | unix.SECCOMP_FILTER_FLAG_NEW_LISTENER,
	} {
		r := c.call(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, loud).into(m.fd)
		installed = append(installed, c.jump())
		r.otherwiseHere()
	}
	c.call(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, fast, quiet)
	done := c.jump()
	for _, r := range installed {
		r.otherwiseHere()
	}
	m.send()
	done.otherwiseHere()
}

// filter lays a filter out as the kernel takes it, and fills in the pid.
func (c *compiler) filter(f *seccomp.Filter) operand {
	at := c.data(bytesOf(f.Code)) // an array of struct sock_filter
	for _, slot := range f.PIDSlots {
		c.call(unix.SYS_GETPID).into(at + operand(8*slot+4))
	}
	header := c.data(make([]byte, 16)) // struct sock_fprog
	binary.NativeEndian.PutUint16(c.memory[header:], uint16(len(f.Code)))
	c.point(header+8, at)
	return c.address(header)
}

// denials puts what the filter refused into the words of grants.
func denials(m *seccomp.Monitor) []Denial {
	var out []Denial
	for _, d := range m.Denials() {
		out = append(out, Denial{Call: d.Call, Count: d.Count, Grant: grantFor[d.Call]})
	}
	return out
}

// grantFor names the grants that would allow a call. A call that is not here is
// allowed to no program.
var grantFor = map[string]string{
	"socket": "net HOST:PORT", "socketpair": "net HOST:PORT", "connect": "net HOST:PORT",
	"bind": "net HOST:PORT", "listen": "net HOST:PORT", "accept": "net HOST:PORT", "accept4": "net HOST:PORT",
	"execve": "exec PATH", "execveat": "exec PATH", "fork": "exec PATH", "vfork": "exec PATH", "clone": "exec PATH",
	"ioctl": "device PATH",
}
