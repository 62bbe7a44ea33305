// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"encoding/binary"
	"fmt"
	"path"

	"golang.org/x/sys/unix"
)

// These steps build the private root and leave the machine's one behind.

// privateMounts keeps our mounts from the host and the host's from us.
func (c *compiler) privateMounts() {
	c.call(unix.SYS_MOUNT, "none", "/", 0, unix.MS_REC|unix.MS_PRIVATE, 0)
}

// openGrants opens every object before any mount of ours could hide one. With a
// private root the trees are cloned, and protected before they can be reached.
func (c *compiler) openGrants() {
	how := binary.NativeEndian.AppendUint64(nil, unix.O_PATH|unix.O_CLOEXEC)
	how = binary.NativeEndian.AppendUint64(how, 0)
	how = binary.NativeEndian.AppendUint64(how, unix.RESOLVE_NO_SYMLINKS|unix.RESOLVE_NO_MAGICLINKS)
	howAt, stat := c.address(c.data(how)), c.data(make([]byte, 144))
	if !c.a.walls.mount && c.a.spec.Proc {
		c.ownPath("/proc/self", rightsOf(Read, true))
	}
	for i := range c.a.objects {
		o := &c.a.objects[i]
		c.about(o)
		o.rule, o.note = c.data([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}), c.cell()
		checks := c.openObject(o, howAt, stat)
		if !o.optional {
			continue
		}
		for _, r := range checks {
			r.noted(o.note).otherwiseHere()
		}
	}
}

// openObject opens one object and compares its identity with what the host found.
// It returns the ops that fail when the object cannot be had.
func (c *compiler) openObject(o *object, how, stat operand) []ref {
	fd := c.cell()
	checks := []ref{
		c.call(unix.SYS_OPENAT2, unix.AT_FDCWD, o.path, how, 24).into(fd),
		c.call(unix.SYS_FSTAT, fd, c.address(stat)),
		c.equal(stat, c.value(o.dev), unix.ESTALE),
		c.equal(stat+8, c.value(o.ino), unix.ESTALE),
	}
	if o.target == "" || !c.a.walls.mount {
		return append(checks, c.call(unix.SYS_FCNTL, fd, unix.F_DUPFD_CLOEXEC, 0).into(o.fd()))
	}
	tree := c.cell()
	checks = append(checks,
		c.call(unix.SYS_OPEN_TREE, fd, "", unix.OPEN_TREE_CLONE|unix.O_CLOEXEC|unix.AT_RECURSIVE|unix.AT_EMPTY_PATH).into(tree),
		c.call(unix.SYS_MOUNT_SETATTR, tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, c.attributes(o.flags), 32),
		c.call(unix.SYS_FCNTL, tree, unix.F_DUPFD_CLOEXEC, 0).into(o.fd()),
		c.call(unix.SYS_CLOSE, tree))
	return append(checks, c.call(unix.SYS_CLOSE, fd))
}

// attributes is a struct mount_attr that sets flags.
func (c *compiler) attributes(flags uint64) operand {
	return c.address(c.data(append(binary.NativeEndian.AppendUint64(nil, flags), make([]byte, 24)...)))
}

// rootPlaces are directories of which every machine has one; the private root is
// mounted over it.
var rootPlaces = []string{"/tmp", "/run", "/mnt", "/dev"}

// newRoot mounts an empty file system and goes there.
func (c *compiler) newRoot() {
	c.call(unix.SYS_UMASK, 0)
	size := rootBytes + secretBytes(c.a.spec.Secrets)
	options := fmt.Sprintf("size=%d,nr_inodes=4096,mode=0755", size)
	var done []ref
	for i, name := range rootPlaces {
		mounted := c.call(unix.SYS_MOUNT, "tmpfs", name, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, options)
		c.call(unix.SYS_CHDIR, name)
		done = append(done, c.jump())
		if i < len(rootPlaces)-1 {
			mounted.otherwiseHere()
		}
	}
	for _, r := range done {
		r.otherwiseHere()
	}
}

// rootBytes is the size of the private root without the secrets; it holds
// nothing but empty files and directories to mount on.
const rootBytes = 256 << 10

// pivotRoot makes the private root the root. The old one lies over it until it is
// dropped, and can be reached by no path.
func (c *compiler) pivotRoot() {
	c.call(unix.SYS_PIVOT_ROOT, ".", ".")
}

// mountGrants puts the objects into the private root.
func (c *compiler) mountGrants() {
	made := map[string]bool{"/": true}
	for i := range c.a.objects {
		o := &c.a.objects[i]
		if o.target == "" {
			continue
		}
		c.about(o)
		c.at(o.target)
		skip := ref{}
		if o.optional {
			skip = c.call(unix.SYS_FCNTL, o.fd(), unix.F_GETFD)
		}
		if cover := c.coverOf(i); cover != nil {
			c.mountInside(o, cover.flags&unix.MOUNT_ATTR_RDONLY != 0)
		} else {
			c.mountAt(o, made)
		}
		if o.optional {
			skip.otherwiseHere()
		}
	}
}

// coverOf is the object in which the target of another one lies, if any.
func (c *compiler) coverOf(i int) *object {
	for j := i - 1; j >= 0; j-- {
		if t := c.a.objects[j].target; t != "" && below(c.a.objects[i].target, t) {
			return &c.a.objects[j]
		}
	}
	return nil
}

// mountAt mounts an object at a place that nothing but ours surrounds.
func (c *compiler) mountAt(o *object, made map[string]bool) {
	c.makeParents(o.target, made)
	c.makeEntry(o.target, o.dir)
	c.call(unix.SYS_MOVE_MOUNT, o.fd(), "", unix.AT_FDCWD, o.target, unix.MOVE_MOUNT_F_EMPTY_PATH)
}

// mountInside mounts an object in the tree of another one, where the place must
// exist: a read-only tree refuses to make it, and in a writable one we do not try.
func (c *compiler) mountInside(o *object, readOnly bool) {
	c.here.note = c.cell()
	if readOnly { // and perhaps left out, so that the place is in our own tmpfs
		c.makeParents(o.target, map[string]bool{"/": true})
		c.makeEntry(o.target, o.dir).noted(c.here.note)
	}
	how := binary.NativeEndian.AppendUint64(nil, unix.O_PATH|unix.O_CLOEXEC)
	how = append(how, make([]byte, 8)...)
	how = binary.NativeEndian.AppendUint64(how, unix.RESOLVE_IN_ROOT|unix.RESOLVE_NO_SYMLINKS)
	point := c.cell()
	c.call(unix.SYS_OPENAT2, unix.AT_FDCWD, o.target, c.address(c.data(how)), 24).into(point)
	c.here.note = 0
	c.call(unix.SYS_MOVE_MOUNT, o.fd(), "", point, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	c.call(unix.SYS_CLOSE, point)
}

// makeParents makes the directories above a target.
func (c *compiler) makeParents(target string, made map[string]bool) {
	parent := path.Dir(target)
	if made[parent] {
		return
	}
	c.makeParents(parent, made)
	made[parent] = true
	c.makeEntry(parent, true)
}

// makeEntry makes a directory or an empty file to mount on; it may exist.
func (c *compiler) makeEntry(name string, dir bool) ref {
	if dir {
		return c.call(unix.SYS_MKDIRAT, unix.AT_FDCWD, name, 0o755).ignored()
	}
	return c.call(unix.SYS_MKNODAT, unix.AT_FDCWD, name, unix.S_IFREG|0o444, 0).ignored()
}

// newFiles are the flags of file systems without programs, devices and privilege.
const newFiles = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

// scratch gives the program its only writable directory, and the host a
// descriptor of it.
func (c *compiler) scratch() {
	l := c.a.spec.Limits.withDefaults()
	// Of 0 a tmpfs has as much as there is.
	options := fmt.Sprintf("size=%d,nr_inodes=%d,mode=0700", bounded(l.ScratchBytes), bounded(l.ScratchInodes))
	if id := c.a.identity(); id > 0 {
		options += fmt.Sprintf(",uid=%d,gid=%d", id, id)
	}
	c.makeEntry(ScratchDir, true)
	c.call(unix.SYS_MOUNT, "tmpfs", ScratchDir, "tmpfs", newFiles, options)
	c.openDirectory(ScratchDir)
	m := c.message(letterDirectory)
	c.call(unix.SYS_FCNTL, c.dir, unix.F_DUPFD_CLOEXEC, 0).into(m.fd)
	m.send()
}

// secrets writes the secrets into files of the sealed root.
func (c *compiler) secrets() {
	c.makeParents(SecretsDir+"/x", map[string]bool{"/": true})
	owner := max(c.a.identity(), 0)
	for _, s := range c.a.spec.Secrets {
		fd, name := c.cell(), path.Join(SecretsDir, s.Name)
		c.at(name)
		c.call(unix.SYS_OPENAT, unix.AT_FDCWD, name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC, 0o400).into(fd)
		c.call(unix.SYS_WRITE, fd, s.Value, len(s.Value))
		if owner != 0 {
			c.call(unix.SYS_FCHOWN, fd, owner, owner)
		}
		c.call(unix.SYS_CLOSE, fd)
	}
	c.ownPath(SecretsDir, rightsOf(Read, true))
}

// ownPath adds a Landlock rule for a directory of ours.
func (c *compiler) ownPath(name string, rights uint64) {
	rule := c.data(make([]byte, 16))
	c.call(unix.SYS_OPENAT, unix.AT_FDCWD, name, unix.O_PATH|unix.O_CLOEXEC).into(rule + 8)
	c.rules = append(c.rules, ownRule{rule, rights})
}

// mountProc shows the sandbox's own processes and nothing else of the kernel. The
// kernel allows it only while the machine's own /proc is still mounted.
func (c *compiler) mountProc() {
	c.makeEntry("/proc", true)
	c.call(unix.SYS_MOUNT, "proc", "/proc", "proc", newFiles, "subset=pid,hidepid=invisible")
	c.ownPath("/proc", rightsOf(Read, true))
}

// dropOldRoot lets go of the machine's root.
func (c *compiler) dropOldRoot() {
	c.call(unix.SYS_UMOUNT2, ".", unix.MNT_DETACH)
	c.call(unix.SYS_CHDIR, "/")
}

// sealRoot ends all writing to the private root.
func (c *compiler) sealRoot() {
	c.call(unix.SYS_MOUNT_SETATTR, unix.AT_FDCWD, "/", 0, c.attributes(grantFlags), 32)
	c.ownPath("/", unix.LANDLOCK_ACCESS_FS_READ_DIR)
}

// hostname hides the machine's name.
func (c *compiler) hostname() {
	c.call(unix.SYS_SETHOSTNAME, "bulkhead", 8)
	c.call(unix.SYS_SETDOMAINNAME, "(none)", 6)
}
