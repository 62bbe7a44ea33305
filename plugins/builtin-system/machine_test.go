// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"maps"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
)

// machine is a fake machine: the files of its root and what is not in files.
type machine struct {
	files map[string]string
	env   map[string]string
	disks map[string]fact.Usage
	// others are facts of other plugins.
	others map[string]any
	// os and arch in Go's names; "" for linux on amd64.
	os, arch string
}

// target writes the machine to a directory.
func (m machine) target(t *testing.T) *fact.Target {
	t.Helper()
	target := plugintest.Machine(t, m.files)
	target.Env, target.Filesystems = m.env, m.disks
	target.OS, target.Arch = cmp.Or(m.os, target.OS), cmp.Or(m.arch, target.Arch)
	return target
}

// observe runs the collectors, as the host would.
func (m machine) observe(t *testing.T) fact.Set {
	t.Helper()
	return fact.NewSet(m.facts(t))
}

func (m machine) facts(t *testing.T) []fact.Fact {
	t.Helper()
	return append(plugintest.Observe(t, m.target(t), collectors()...), plugintest.Facts(m.others)...)
}

// diagnose runs collectors and checks; settings that config leaves out are defaults.
func (m machine) diagnose(t *testing.T, config map[string][]byte) map[string][]check.Finding {
	t.Helper()
	return plugintest.Diagnose(t, m.facts(t), checks(), config)
}

// with returns a copy with more files and variables.
func (m machine) with(files, env map[string]string) machine {
	m.files, m.env = maps.Clone(m.files), maps.Clone(m.env)
	if m.env == nil {
		m.env = map[string]string{}
	}
	maps.Copy(m.files, files)
	maps.Copy(m.env, env)
	return m
}

// on returns a copy under another system.
func (m machine) on(os, arch string) machine {
	m.os, m.arch = os, arch
	return m
}

// hub is the default cache of the fake user.
const hub = "/home/ada/.cache/huggingface/hub"

const (
	laptopMounts = `22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw,errors=remount-ro
24 22 0:23 / /dev/shm rw,nosuid,nodev shared:4 - tmpfs tmpfs rw,inode64
30 22 0:27 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot
`
	containerMounts = `100 50 0:60 / / rw,relatime - overlay overlay rw,lowerdir=/l,upperdir=/u,workdir=/w
101 100 0:61 / /dev/shm rw,nosuid,nodev,noexec - tmpfs shm rw,size=65536k,inode64
102 100 0:27 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate
`
	ordinaryLimits = `Limit                     Soft Limit           Hard Limit           Units     
Max processes             63304                63304                processes 
Max open files            1024                 1048576              files     
Max locked memory         8388608              8388608              bytes     
`
	userStatus = "Name:\tpython\nCapEff:\t0000000000000000\nCpus_allowed_list:\t0-7\n"
)

// laptop is a healthy Ubuntu machine as it comes.
func laptop() machine {
	return machine{
		files: map[string]string{
			"/etc/os-release":                                      "ID=ubuntu\nVERSION_ID=\"24.04\"\nPRETTY_NAME=\"Ubuntu 24.04.1 LTS\"\n",
			"/proc/sys/kernel/osrelease":                           "6.8.0-45-generic\n",
			"/proc/meminfo":                                        "MemTotal:       16384000 kB\nMemFree:  1 kB\n",
			"/proc/self/limits":                                    ordinaryLimits,
			"/proc/self/status":                                    userStatus,
			"/proc/self/mountinfo":                                 laptopMounts,
			"/proc/self/cgroup":                                    "0::/user.slice/user-1000.slice/session-2.scope\n",
			"/sys/devices/system/cpu/online":                       "0-7\n",
			"/sys/fs/cgroup/cgroup.controllers":                    "cpu memory pids\n",
			"/sys/fs/cgroup/user.slice/memory.max":                 "max\n",
			"/sys/fs/cgroup/user.slice/user-1000.slice/pids.max":   "20882\n",
			"/sys/fs/cgroup/user.slice/user-1000.slice/memory.max": "max\n",
			"/sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope/cpu.max":    "max 100000\n",
			"/sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope/memory.max": "max\n",
		},
		disks: map[string]fact.Usage{"/": {Total: 500 << 30, Free: 200 << 30}},
	}
}

// dockerContainer is a container started with `docker run` and nothing else.
func dockerContainer() machine {
	m := laptop()
	m.files["/.dockerenv"] = ""
	m.files["/proc/self/mountinfo"] = containerMounts
	m.files["/proc/self/cgroup"] = "0::/\n"
	return m
}
