// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTablesAreSound: every name is a call of some architecture, and is in one
// list only, since the first list that has it would hide the others.
func TestTablesAreSound(t *testing.T) {
	seen := map[string]string{}
	for list, names := range map[string][]string{
		"free": slices.Collect(maps.Keys(free)), "ends": slices.Collect(maps.Keys(ends)),
		"missing": slices.Collect(maps.Keys(missing)), "probes": slices.Collect(maps.Keys(probes)),
		"ruled": slices.Collect(maps.Keys(ruled)),
	} {
		for _, name := range names {
			if other, ok := seen[name]; ok {
				t.Errorf("%s is in %s and in %s", name, list, other)
			}
			seen[name] = list
			_, amd64 := archs["amd64"]().number[name]
			_, arm64 := archs["arm64"]().number[name]
			if !amd64 && !arm64 {
				t.Errorf("%s in %s is no system call", name, list)
			}
		}
	}
	for _, name := range hot {
		for arch, build := range archs {
			if _, ok := build().number[name]; !ok {
				t.Errorf("%s has no %s", arch, name)
			}
		}
	}
}

// TestRefusalsKeepTheirErrno: a monitor answers by name, without the arguments or
// the policy, so that every counted refusal by a rule must be the standing one.
func TestRefusalsKeepTheirErrno(t *testing.T) {
	for name, of := range ruled {
		for _, p := range policies() {
			r := of(p)
			for _, v := range append([]verdict{r.last}, thens(r)...) {
				if v.effect != allowed && v.effect != silent && v != standing(name) {
					t.Errorf("%s under %+v: %v, but a monitor answers %v", name, p, v, standing(name))
				}
			}
		}
	}
}

func thens(r rule) []verdict {
	var out []verdict
	for _, c := range r.clauses {
		out = append(out, c.then)
	}
	return out
}

// TestVerdicts states, apart from the tables, what must never change by a slip.
func TestVerdicts(t *testing.T) {
	widest := Policy{Exec: true, Devices: true, Sockets: true}
	for v, names := range map[verdict]string{
		end: `ptrace process_vm_readv process_vm_writev bpf init_module finit_module delete_module
			kexec_load kexec_file_load mount umount2 pivot_root move_mount fsopen open_tree fsmount fsconfig
			mount_setattr setns unshare keyctl add_key request_key userfaultfd perf_event_open
			open_by_handle_at swapon swapoff reboot iopl ioperm`,
		refuse: `chroot sethostname setdomainname settimeofday clock_settime adjtimex acct quotactl syslog
			setuid setgid setresuid setresgid setgroups setfsuid capset mknodat setxattr fsetxattr removexattr
			shmget semget msgget mq_open sendmmsg recvmmsg vmsplice tee kcmp pidfd_getfd name_to_handle_at
			seccomp sync syncfs statmount listmount fanotify_init get_robust_list remap_file_pages
			sched_setscheduler modify_ldt vhangup`,
		absent: `io_uring_setup io_uring_enter io_uring_register memfd_create inotify_init1 io_setup`,
		unseen: `clone3 pidfd_open`,
		allow:  `read write close futex exit_group rt_sigreturn munmap accept4 recvmsg getrandom statx openat`,
	} {
		for _, name := range strings.Fields(names) {
			if got := widest.rule(name); len(got.clauses) > 0 || got.last != v {
				t.Errorf("%s: %+v, not %+v", name, got, v)
			}
		}
	}
}

// TestWiderPolicyAllowsMore: Exec, Devices and Sockets only add, Unspaced only
// takes away.
func TestWiderPolicyAllowsMore(t *testing.T) {
	words := vocabulary()
	for _, narrow := range policies() {
		for _, wide := range []Policy{
			{true, narrow.Devices, narrow.Unspaced, narrow.Sockets, narrow.Notify, narrow.ExecFD, narrow.Trace},
			{narrow.Exec, true, narrow.Unspaced, narrow.Sockets, narrow.Notify, narrow.ExecFD, narrow.Trace},
			{narrow.Exec, narrow.Devices, false, narrow.Sockets, narrow.Notify, narrow.ExecFD, narrow.Trace},
			{narrow.Exec, narrow.Devices, narrow.Unspaced, true, narrow.Notify, narrow.ExecFD, narrow.Trace},
		} {
			for name, of := range ruled {
				less, more := of(narrow), of(wide)
				for i, word := range words {
					next := words[(i*7+3)%len(words)]
					args := [6]uint64{word, next, word, word, word, word}
					if less.judge(args, testPID) == allow && more.judge(args, testPID) != allow {
						t.Fatalf("%s%#x: %+v allows it and %+v does not", name, args, narrow, wide)
					}
				}
			}
		}
	}
}

func TestName(t *testing.T) {
	a, err := host()
	if err != nil {
		t.Skip(err)
	}
	for nr, want := range map[int]string{
		unix.SYS_SOCKET: "socket", unix.SYS_CLONE3: "clone3", unix.SYS_IO_URING_SETUP: "io_uring_setup",
		9999: "system call 9999", -1: "system call -1",
	} {
		if got := a.callName(nr); got != want {
			t.Errorf("%d is %q, not %q", nr, got, want)
		}
	}
}

// TestFlags: the kernel knows what is asked of it, and without Notify there is no
// listener that nobody takes.
func TestFlags(t *testing.T) {
	const listener = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
	if plain := (Policy{}).Flags(); plain&listener != 0 || !known(plain) {
		t.Errorf("without Notify: %#x", plain)
	}
	if notify := (Policy{Notify: true}).Flags(); notify&listener == 0 || !known(notify) {
		t.Errorf("with Notify: %#x", notify)
	}
	if known(1 << 30) {
		t.Error("the kernel knows every flag")
	}
}

func TestFilterRefusesBadDescriptor(t *testing.T) {
	for _, fd := range []int{-1, 1 << 31} {
		if _, err := (Policy{ExecFD: fd}).Filter(); err == nil {
			t.Errorf("a filter for descriptor %d", fd)
		}
	}
}

// TestFiltersAreCopies: a launcher writes its pid into the code.
func TestFiltersAreCopies(t *testing.T) {
	first, err := Policy{Unspaced: true}.Filter()
	if err != nil {
		t.Skip(err)
	}
	for _, i := range first.PIDSlots {
		if first.Code[i].K != noPID {
			t.Errorf("instruction %d holds %d before a pid is known", i, first.Code[i].K)
		}
		first.Code[i].K = testPID
	}
	second, _ := Policy{Unspaced: true}.Filter()
	if len(second.PIDSlots) == 0 || second.Code[second.PIDSlots[0]].K != noPID {
		t.Error("one program's pid is in another's filter")
	}
}

// TestNumbersAreCurrent compares the generated numbers with their source.
func TestNumbersAreCurrent(t *testing.T) {
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "golang.org/x/sys/unix").Output()
	if err != nil {
		t.Skip("no go command: ", err)
	}
	definition := regexp.MustCompile(`(?m)^\s*SYS_([A-Z0-9_]+)\s*=\s*(\d+)`)
	for name, build := range archs {
		text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "zsysnum_linux_"+name+".go"))
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]int{}
		for _, m := range definition.FindAllStringSubmatch(string(text), -1) {
			want[strings.ToLower(m[1])], _ = strconv.Atoi(m[2])
		}
		delete(want, "arch_specific_syscall")
		if !maps.Equal(build().number, want) {
			t.Errorf("%s: run go generate: the numbers are not those of golang.org/x/sys", name)
		}
	}
}
