// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"fmt"

	"golang.org/x/sys/unix"
)

var linuxNamespaces = []Attack{
	{Name: "new-user-namespace", Area: "namespaces", Aim: "become root in a namespace of its own", try: unshare(unix.CLONE_NEWUSER)},
	{Name: "new-mount-namespace", Area: "namespaces", Aim: "get mounts of its own", try: unshare(unix.CLONE_NEWNS)},
	{Name: "new-network-namespace", Area: "namespaces", Aim: "get a network of its own", try: unshare(unix.CLONE_NEWNET)},
	{Name: "clone-namespace", Area: "namespaces", Aim: "make a child in new namespaces", try: cloneNamespace},
	{Name: "join-namespace", Area: "namespaces", Aim: "enter the machine's namespaces", try: joinNamespace},
	{Name: "mount", Area: "namespaces", Aim: "mount a file system", try: mountTmpfs},
	{Name: "mount-api", Area: "namespaces", Aim: "mount with the newer calls", try: mountNewer},
	{Name: "unmount", Area: "namespaces", Aim: "unmount what hides the machine", try: unmount},
	{Name: "pivot", Area: "namespaces", Aim: "change its root", try: pivot},
	{Name: "chroot", Area: "namespaces", Aim: "leave its root with chroot", try: chroot},
}

func unshare(flag int) func(*Scene) Outcome {
	return func(*Scene) Outcome { return attempt(unix.Unshare(flag), "made a namespace") }
}

func cloneNamespace(*Scene) Outcome {
	return fork(uintptr(unix.SIGCHLD) | unix.CLONE_NEWUSER | unix.CLONE_NEWNS)
}

func joinNamespace(s *Scene) Outcome {
	var ways []Outcome
	for _, pid := range []int{1, s.HostPID, s.VictimPID} {
		for _, kind := range []string{"mnt", "net", "user", "pid"} {
			fd, err := unix.Open(fmt.Sprintf("/proc/%d/ns/%s", pid, kind), unix.O_RDONLY, 0)
			if err != nil {
				ways = append(ways, missed(plain(err)))
				continue
			}
			ways = append(ways, attempt(unix.Setns(fd, 0), "entered a namespace"))
			_ = unix.Close(fd)
		}
	}
	return attempts(ways...)
}

func mountTmpfs(*Scene) Outcome {
	return attempt(unix.Mount("tmpfs", scratch(), "tmpfs", 0, ""), "mounted a file system")
}

func mountNewer(*Scene) Outcome {
	fd, err := unix.Fsopen("tmpfs", 0)
	if err == nil {
		_ = unix.Close(fd)
	}
	tree, clone := unix.OpenTree(unix.AT_FDCWD, "/", unix.OPEN_TREE_CLONE)
	if clone == nil {
		_ = unix.Close(tree)
	}
	return attempts(attempt(err, "opened a file system"), attempt(clone, "copied a mount"))
}

func unmount(*Scene) Outcome {
	return attempts(attempt(unix.Unmount(scratch(), unix.MNT_DETACH), "unmounted its scratch"), attempt(unix.Unmount("/proc", unix.MNT_DETACH), "unmounted /proc"))
}

func pivot(*Scene) Outcome {
	return attempt(unix.PivotRoot("/", "/"), "changed its root")
}

func chroot(*Scene) Outcome {
	return attempt(unix.Chroot(scratch()), "changed its root")
}
