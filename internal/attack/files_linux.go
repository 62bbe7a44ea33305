// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

var linuxFiles = []Attack{
	{Name: "read-shadow", Area: "files", Aim: "read the machine's password hashes", try: readShadow},
	{Name: "proc-root", Area: "files", Aim: "reach the machine's files through another process's root", try: procRoot},
	{Name: "proc-cwd", Area: "files", Aim: "reach the machine's files through another process's directory", try: procCwd},
	{Name: "host-exe", Area: "files", Aim: "read the host's own binary", try: hostExe},
	{Name: "self-overwrite", Area: "files", Aim: "change its own executable", try: selfOverwrite},
	{Name: "chmod-public", Area: "files", Aim: "change the mode of a file that it may write to", try: chmodPublic},
	{Name: "truncate-public", Area: "files", Aim: "empty a file by its name", try: truncatePublic},
	{Name: "rename-public", Area: "files", Aim: "replace a file in a directory that everybody may write to", try: renamePublic},
	{Name: "xattr-public", Area: "files", Aim: "set an attribute of a file that it may write to", try: xattrPublic},
	{Name: "utime-public", Area: "files", Aim: "change the times of a file that it may write to", try: utimePublic},
	{Name: "remount-root", Area: "files", Aim: "make its root writable", try: remountRoot},
	{Name: "write-root", Area: "files", Aim: "create a file in its root", try: writeRoot},
	{Name: "map-grant", Area: "files", Aim: "map a granted file as code", try: mapGrant},
	{Name: "handle", Area: "files", Aim: "open a file by its handle instead of its name", try: openHandle},
	{Name: "raw-disk", Area: "files", Aim: "read a disk or the machine's memory as a device", try: rawDisk},
	{Name: "mknod", Area: "files", Aim: "make a device node of its own", try: makeNode},
	{Name: "set-uid-bit", Area: "files", Aim: "leave a set-uid program behind", try: setUIDBit},
	{Name: "host-mounts", Area: "files", Aim: "learn the machine's paths from the mount table", try: hostMounts},
}

func readShadow(*Scene) Outcome {
	_, err := os.ReadFile("/etc/shadow")
	return attempt(err, "read /etc/shadow")
}

// through tries the secret below a magic link of other processes.
func through(s *Scene, link string) Outcome {
	var ways []Outcome
	for _, pid := range []string{"self", "1", fmt.Sprint(s.HostPID), fmt.Sprint(s.VictimPID), fmt.Sprint(os.Getppid())} {
		ways = append(ways, see(s, "/proc/"+pid+"/"+link+s.Secret))
	}
	return attempts(ways...)
}

func procRoot(s *Scene) Outcome { return through(s, "root") }
func procCwd(s *Scene) Outcome {
	return through(s, "cwd/../../../../../..")
}

func hostExe(s *Scene) Outcome {
	f, err := os.Open(fmt.Sprintf("/proc/%d/exe", s.HostPID))
	if err == nil {
		_ = f.Close()
	}
	return attempt(err, "opened the host's binary")
}

func selfOverwrite(*Scene) Outcome {
	var ways []Outcome
	for _, name := range []string{"/proc/self/exe", os.Args[0]} {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err == nil {
			_ = f.Close()
		}
		ways = append(ways, attempt(err, "opened "+name+" for writing"))
	}
	return attempts(ways...)
}

func chmodPublic(s *Scene) Outcome {
	return attempt(os.Chmod(s.Public, 0o666), "changed the mode of "+s.Public)
}

func truncatePublic(s *Scene) Outcome {
	return attempt(os.Truncate(s.Public, 0), "emptied "+s.Public)
}

func renamePublic(s *Scene) Outcome {
	own := filepath.Join(scratch(), "replacement")
	_ = os.WriteFile(own, nil, 0o600)
	return attempts(
		attempt(os.Rename(own, s.Public), "replaced "+s.Public),
		attempt(os.Rename(s.Public, s.Public+".moved"), "renamed "+s.Public),
		attempt(os.Remove(s.Public), "removed "+s.Public),
	)
}

func xattrPublic(s *Scene) Outcome {
	return attempt(unix.Setxattr(s.Public, "user.hit", []byte("x"), 0), "set an attribute")
}

func utimePublic(s *Scene) Outcome {
	return attempt(unix.UtimesNanoAt(unix.AT_FDCWD, s.Public, nil, 0), "changed the times of "+s.Public)
}

func remountRoot(*Scene) Outcome {
	return attempt(unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND, ""), "remounted the root")
}

func writeRoot(*Scene) Outcome {
	err := os.WriteFile("/bulkhead-attack-hit", nil, 0o600)
	_ = os.Remove("/bulkhead-attack-hit")
	return attempt(err, "wrote into /")
}

func mapGrant(s *Scene) Outcome {
	f, err := os.Open(s.GrantProg)
	if err != nil {
		return missed(plain(err))
	}
	defer f.Close()
	_, err = unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE)
	return attempt(err, "mapped it as code")
}

func openHandle(*Scene) Outcome {
	handle, mount, err := unix.NameToHandleAt(unix.AT_FDCWD, "/", 0)
	if err != nil {
		handle, mount = unix.NewFileHandle(1, make([]byte, 8)), unix.AT_FDCWD
	}
	fd, err := unix.OpenByHandleAt(mount, handle, unix.O_RDONLY)
	if err == nil {
		_ = unix.Close(fd)
	}
	return attempt(err, "opened / by its handle")
}

func rawDisk(*Scene) Outcome {
	var ways []Outcome
	for _, name := range []string{"/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg", "/dev/sda", "/dev/vda", "/dev/nvme0n1", "/proc/kcore"} {
		f, err := os.Open(name)
		if err == nil {
			_ = f.Close()
		}
		ways = append(ways, attempt(err, "opened "+name))
	}
	return attempts(ways...)
}

func makeNode(*Scene) Outcome {
	name := filepath.Join(scratch(), "node")
	err := unix.Mknod(name, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 5)))
	if err == nil {
		_, err = os.Open(name)
	}
	return attempt(err, "made a device of its own")
}

// setUIDBit is a hit when the bit stays, even where it does not count: a directory
// that was granted for writing lies elsewhere too.
func setUIDBit(*Scene) Outcome {
	name := filepath.Join(scratch(), "set-uid")
	if err := os.WriteFile(name, []byte("x"), 0o700); err != nil {
		return missed(plain(err))
	}
	fd, err := unix.Open(name, unix.O_RDWR, 0)
	if err != nil {
		return missed(plain(err))
	}
	defer unix.Close(fd)
	ways := []Outcome{
		attempt(unix.Chmod(name, 0o4755), "made "+name+" a set-uid program"),
		attempt(unix.Fchmod(fd, 0o2755), "made "+name+" a set-gid program"),
		attempt(unix.Fchmodat(unix.AT_FDCWD, name, 0o4755, unix.AT_SYMLINK_NOFOLLOW), "made "+name+" a set-uid program"),
	}
	return attempts(ways...)
}

// hostMounts looks for a path of the machine that the program should not know.
func hostMounts(s *Scene) Outcome {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err == nil && !strings.Contains(string(text), s.Home) && !strings.Contains(string(text), " / / ") {
		return missed("only its own")
	}
	return attempt(err, "read the mount table")
}

// pointer is the address of bytes that a raw call reads.
func pointer(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
