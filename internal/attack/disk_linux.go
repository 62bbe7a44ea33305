// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Attacks on the disk under the scratch directory, and by way of it.
var linuxDisk = []Attack{
	{Name: "preallocate", Area: "resources", Aim: "reserve 1 GiB of disk in a file that stays empty", try: preallocate},
	{Name: "hidden-disk-bomb", Area: "resources", Aim: "fill a disk with 256 MiB of files without a name", try: hiddenDisk},
	{Name: "locked-disk-bomb", Area: "resources", Aim: "fill a disk with 256 MiB in directories that nobody may list", try: lockedDisk},
	{Name: "deep-tree", Area: "resources", Aim: "leave 5,000 directories, each in the one before, that are hard to remove", try: deepTree},
	{Name: "grant-link", Area: "files", Aim: "link a file that was granted for reading into the scratch directory and write to it there", try: grantLink},
	{Name: "see-outside", Area: "files", Aim: "learn the size and the times of a file that was not granted", try: seeOutside},
	{Name: "attribute-outside", Area: "files", Aim: "read the attributes of a file that was not granted", try: attributeOutside},
}

// preallocate asks for blocks beyond the end of a file, which no limit of its
// size counts.
func preallocate(*Scene) Outcome {
	f, err := os.Create(filepath.Join(scratch(), "empty"))
	if err != nil {
		return missed(plain(err))
	}
	defer f.Close()
	return attempt(unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, 1<<30), "reserved 1 GiB")
}

// patience is how long a bomb on a disk stays where it has succeeded, so that
// the host can see it.
const patience = 2 * time.Second

func hiddenDisk(*Scene) Outcome {
	var held []*os.File
	for n := range 16 {
		f, err := os.OpenFile(scratch(), os.O_RDWR|unix.O_TMPFILE, 0o600)
		if err != nil {
			f, err = os.CreateTemp(scratch(), "x")
		}
		if err != nil {
			return missed(plain(err))
		}
		_ = os.Remove(f.Name())
		held = append(held, f)
		if _, err := f.Write(make([]byte, 16<<20)); err != nil {
			return missed(fmt.Sprintf("%d files, then %s", n, plain(err)))
		}
	}
	time.Sleep(patience)
	return Outcome{true, fmt.Sprintf("wrote %d files of 16 MiB", len(held))}
}

func lockedDisk(*Scene) Outcome {
	dir := filepath.Join(scratch(), "locked")
	if err := unix.Mkdir(dir, 0o300); err != nil {
		return missed(plain(err))
	}
	for n := range 16 {
		if err := os.WriteFile(filepath.Join(dir, string(rune('a'+n))), make([]byte, 16<<20), 0o200); err != nil {
			return missed(fmt.Sprintf("%d files, then %s", n, plain(err)))
		}
	}
	time.Sleep(patience)
	return Outcome{true, "wrote 256 MiB"}
}

func deepTree(*Scene) Outcome {
	if err := os.Chdir(scratch()); err != nil {
		return missed(plain(err))
	}
	for n := range 5000 {
		if err := unix.Mkdir("d", 0o700); err != nil {
			return missed(fmt.Sprintf("%d directories, then %s", n, plain(err)))
		}
		if err := unix.Chdir("d"); err != nil {
			return missed(plain(err))
		}
	}
	time.Sleep(patience)
	return Outcome{true, "made 5,000 directories"}
}

func grantLink(s *Scene) Outcome {
	own := filepath.Join(scratch(), "linked")
	var ways []Outcome
	for _, way := range []func(string, string) error{os.Link, os.Rename} {
		if err := way(s.GrantProg, own); err != nil {
			ways = append(ways, missed(plain(err)))
			continue
		}
		f, err := os.OpenFile(own, os.O_WRONLY, 0)
		if err == nil {
			_ = f.Close()
		}
		ways = append(ways, attempt(err, "may write to "+s.GrantProg))
	}
	return attempts(ways...)
}

func seeOutside(s *Scene) Outcome {
	st, err := os.Stat(s.Secret)
	if err != nil {
		return missed(plain(err))
	}
	return Outcome{true, fmt.Sprintf("%s has %d bytes", s.Secret, st.Size())}
}

func attributeOutside(s *Scene) Outcome {
	_, list := unix.Llistxattr(s.Secret, make([]byte, 4096))
	_, err := unix.Lgetxattr(s.Secret, "user.canary", make([]byte, 4096))
	if err == unix.ENODATA || err == unix.EOPNOTSUPP {
		err = nil // it was looked for
	}
	return attempts(attempt(err, "was told of an attribute"), attempt(list, "listed the attributes"))
}
