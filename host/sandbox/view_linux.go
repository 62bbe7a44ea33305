// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// viewSteps build the private root and leave the machine's one behind.
func viewSteps() []step {
	return []step{
		{"kernel", (*builder).kernel},
		{"private-mounts", (*builder).privateMounts},
		{"open-grants", (*builder).openTrees},
		{"new-root", (*builder).newRoot},
		{"mount-grants", (*builder).mountTrees},
		{"scratch", (*builder).mountScratch},
		{"proc", (*builder).mountProc},
		{"pivot-root", (*builder).pivotRoot},
		{"seal-root", (*builder).sealRoot},
		{"hostname", (*builder).hostname},
	}
}

// kernel refuses kernels that count processes per uid across user namespaces.
func (b *builder) kernel() error {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err
	}
	if !atLeast(unix.ByteSliceToString(u.Release[:]), 5, 14) {
		return atPath(unix.ByteSliceToString(u.Release[:]), -1, unix.ENOSYS)
	}
	return nil
}

// atLeast compares a release such as "6.1.0-9-amd64" with a version.
func atLeast(release string, major, minor int) bool {
	fields := strings.FieldsFunc(release, func(r rune) bool { return r < '0' || r > '9' })
	if len(fields) < 2 {
		return false
	}
	m, _ := strconv.Atoi(fields[0])
	n, _ := strconv.Atoi(fields[1])
	return m > major || m == major && n >= minor
}

// privateMounts keeps our mounts from the host and the host's from us.
func (b *builder) privateMounts() error {
	return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
}

// openTrees clones every granted tree before any mount of ours could appear in
// one of them, and sets its flags before it can be reached.
func (b *builder) openTrees() error {
	b.trees = make([]int, len(b.plan.Mounts))
	for i, m := range b.plan.Mounts {
		tree, err := b.openTree(m)
		if err == nil {
			b.trees[i] = tree
			continue
		}
		if !m.Optional {
			return atPath(m.Source, m.Bind, err)
		}
		b.trees[i] = -1
		b.missing = append(b.missing, missing{Mount: i, Errno: errnoOf(err)})
	}
	return nil
}

// openTree returns a detached, protected copy of the tree at the mount's source.
func (b *builder) openTree(m mount) (int, error) {
	object, err := b.resolve(m)
	if err != nil {
		return -1, err
	}
	defer unix.Close(object)
	tree, err := unix.OpenTree(object, "", unix.OPEN_TREE_CLONE|unix.O_CLOEXEC|unix.AT_RECURSIVE|unix.AT_EMPTY_PATH)
	if err != nil {
		return -1, err
	}
	attr := unix.MountAttr{Attr_set: m.Flags}
	return tree, unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &attr)
}

// resolve opens the object that a source names. Links are followed, but not out
// of the root of the plan, and never the magic links of /proc.
func (b *builder) resolve(m mount) (int, error) {
	dir := "/"
	if m.InRoot {
		dir = b.plan.Root
	}
	root, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(root)
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	return retryOpen(root, m.Source, &how)
}

// retryOpen repeats an openat2 that lost a race against a rename elsewhere.
func retryOpen(dir int, name string, how *unix.OpenHow) (fd int, err error) {
	for range 32 {
		if fd, err = unix.Openat2(dir, name, how); err != unix.EAGAIN && err != unix.EINTR {
			return fd, err
		}
	}
	return fd, err
}

// newRoot mounts an empty file system over a directory that every machine has.
func (b *builder) newRoot() (err error) {
	b.root, err = newTmpfs("256k", "4096", "0755")
	if err != nil {
		return err
	}
	for _, place := range []string{"/tmp", "/run", "/mnt", "/dev"} {
		err = unix.MoveMount(b.root, "", unix.AT_FDCWD, place, unix.MOVE_MOUNT_F_EMPTY_PATH)
		if err == nil {
			break
		}
		err = atPath(place, -1, err)
	}
	return err
}

// newTmpfs makes a detached tmpfs without devices, programs and set-uid bits.
func newTmpfs(size, inodes, mode string) (int, error) {
	return newMount("tmpfs", "size", size, "nr_inodes", inodes, "mode", mode)
}

// newMount makes a detached file system with the options given as pairs.
func newMount(kind string, options ...string) (int, error) {
	context, err := unix.Fsopen(kind, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(context)
	for i := 0; i < len(options); i += 2 {
		if err := unix.FsconfigSetString(context, options[i], options[i+1]); err != nil {
			return -1, atPath(options[i]+"="+options[i+1], -1, err)
		}
	}
	if err := unix.FsconfigCreate(context); err != nil {
		return -1, err
	}
	return unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
}

// mountTrees puts the trees into the private root.
func (b *builder) mountTrees() error {
	for i, m := range b.plan.Mounts {
		if b.trees[i] < 0 {
			continue
		}
		if err := b.attach(b.trees[i], m.Target); err != nil {
			return atPath(m.Target, m.Bind, err)
		}
		_ = unix.Close(b.trees[i])
	}
	return nil
}

// attach mounts a detached tree at a target, which it creates.
func (b *builder) attach(tree int, target string) error {
	var st unix.Stat_t
	if err := unix.Fstat(tree, &st); err != nil {
		return err
	}
	point, err := b.mountPoint(target, st.Mode&unix.S_IFMT == unix.S_IFDIR)
	if err != nil {
		return err
	}
	defer unix.Close(point)
	return unix.MoveMount(tree, "", point, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
}

// mountPoint opens the target, and makes it and its parents where they are
// missing. Inside a granted tree nothing can be made: that tree is read-only.
func (b *builder) mountPoint(target string, dir bool) (int, error) {
	if fd, err := b.openTarget(target); !errors.Is(err, unix.ENOENT) {
		return fd, err
	}
	parent, err := b.mountPoint(path.Dir(target), true)
	if err != nil {
		return -1, err
	}
	defer unix.Close(parent)
	if err := makeEntry(parent, path.Base(target), dir); err != nil {
		return -1, err
	}
	return b.openTarget(target)
}

// openTarget opens a path of the private root without following any link.
func (b *builder) openTarget(target string) (int, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS}
	return retryOpen(b.root, target, &how)
}

func makeEntry(parent int, name string, dir bool) error {
	if dir {
		return unix.Mkdirat(parent, name, 0o755)
	}
	fd, err := unix.Openat(parent, name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC, 0o444)
	if err == nil {
		_ = unix.Close(fd)
	}
	return err
}

// mountScratch gives the program its only writable directory.
func (b *builder) mountScratch() error {
	options := []string{
		"size", strconv.FormatUint(b.plan.Scratch.Bytes, 10),
		"nr_inodes", strconv.FormatUint(b.plan.Scratch.Inodes, 10), "mode", "0700",
	}
	if id := b.plan.Identity; id != nil {
		options = append(options, "uid", strconv.Itoa(*id), "gid", strconv.Itoa(*id))
	}
	return b.mountNew(ScratchDir, "tmpfs", options...)
}

// mountProc shows the sandbox's own processes and nothing else of the kernel.
func (b *builder) mountProc() error {
	if !b.plan.Proc {
		return nil
	}
	return b.mountNew("/proc", "proc", "subset", "pid", "hidepid", "invisible")
}

func (b *builder) mountNew(target, kind string, options ...string) error {
	fs, err := newMount(kind, options...)
	if err != nil {
		return err
	}
	defer unix.Close(fs)
	return b.attach(fs, target)
}

// pivotRoot makes the private root the root and lets go of the old one.
func (b *builder) pivotRoot() error {
	if err := unix.Fchdir(b.root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return err
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return atPath("old root", -1, err)
	}
	return unix.Chdir("/")
}

// sealRoot ends all writing to the private root.
func (b *builder) sealRoot() error {
	_ = unix.Close(b.root)
	attr := unix.MountAttr{Attr_set: grantFlags}
	return unix.MountSetattr(unix.AT_FDCWD, "/", 0, &attr)
}

// hostname hides the machine's name.
func (b *builder) hostname() error {
	if err := unix.Sethostname([]byte("bulkhead")); err != nil {
		return err
	}
	return unix.Setdomainname([]byte("(none)"))
}
