// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Bombs of what the kernel keeps for a program beside its memory and its files.
var linuxHeld = []Attack{
	{Name: "watch-bomb", Area: "resources", Aim: "use up the user's watches of descriptors, with 396,000 in sixty sets", try: watchBomb},
	{Name: "lock-bomb", Area: "resources", Aim: "keep 50,000 locks of parts of files, each of which is memory of the kernel", try: lockBomb},
	{Name: "message-descriptors", Area: "resources", Aim: "keep 2,000 open files in messages to itself, beyond its limit", try: messageDescriptors},
	{Name: "mapping-bomb", Area: "resources", Aim: "make 200,000 mappings of a page", try: mappingBomb},
	{Name: "sparse-file", Area: "resources", Aim: "make a file of a terabyte without content, for others to read", try: sparseFile},
	{Name: "link-bomb", Area: "resources", Aim: "give 20,000 names to one file", try: linkBomb},
	{Name: "timer-descriptors", Area: "resources", Aim: "have 5,000 timers expire 100,000 times a second each", try: timerDescriptors},
}

// watchBomb counts on each pair of a file and a number of a descriptor being a
// watch of its own, which stays when the number is another file's.
func watchBomb(*Scene) Outcome {
	const sets, files, firstNumber, lastNumber = 60, 60, 140, 250
	var epolls, events []int
	for range sets {
		fd, err := unix.EpollCreate1(0)
		if err != nil {
			return missed(plain(err))
		}
		epolls = append(epolls, fd)
	}
	for range files {
		fd, err := unix.Eventfd(0, 0)
		if err != nil {
			return missed(plain(err))
		}
		events = append(events, fd)
	}
	count, err := watches(epolls, events, firstNumber, lastNumber)
	if err != nil {
		return missed(fmt.Sprintf("%d watches, then %s", count, plain(err)))
	}
	time.Sleep(patience + time.Second)
	return Outcome{true, fmt.Sprintf("has %d watches", count)}
}

// watches adds each event under each number to each set.
func watches(epolls, events []int, first, last int) (count int, err error) {
	for _, event := range events {
		for number := first; number < last; number++ {
			if err := unix.Dup3(event, number, 0); err != nil {
				return count, err
			}
			for _, epoll := range epolls {
				if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, number, &unix.EpollEvent{Events: unix.EPOLLIN}); err != nil {
					return count, err
				}
				count++
			}
		}
	}
	return count, nil
}

// lockBomb spreads the locks over files: the kernel walks through those of one.
func lockBomb(*Scene) Outcome {
	const files, each = 100, 500
	var count int
	for n := range files {
		f, err := os.Create(filepath.Join(scratch(), fmt.Sprintf("lock%d", n)))
		if err != nil {
			return missed(plain(err))
		}
		defer f.Close()
		for i := range each {
			// From the end, which saves the kernel half of the way.
			lock := unix.Flock_t{Type: unix.F_WRLCK, Start: int64(2 * (each - i)), Len: 1}
			if err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &lock); err != nil {
				return missed(fmt.Sprintf("%d locks, then %s", count, plain(err)))
			}
			count++
		}
	}
	time.Sleep(patience + time.Second)
	return Outcome{true, fmt.Sprintf("has %d locks", count)}
}

func messageDescriptors(*Scene) Outcome {
	var count int
	for count < 2000 {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return missed(fmt.Sprintf("%d descriptors, then %s", count, plain(err)))
		}
		for range 50 {
			if err = unix.Sendmsg(pair[0], []byte("x"), unix.UnixRights(0, 1, 2), nil, 0); err != nil {
				break
			}
			count += 3
		}
		if err != nil && !errors.Is(err, unix.EAGAIN) {
			return missed(fmt.Sprintf("%d open files in messages, then %s", count, plain(err)))
		}
	}
	return Outcome{true, fmt.Sprintf("keeps %d open files", count)}
}

// mappingBomb makes every other page unlike its neighbours, so that none merge.
func mappingBomb(*Scene) Outcome {
	const pages = 200_000
	block, err := unix.Mmap(-1, 0, pages*4096, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return missed(plain(err))
	}
	for n := 0; n < pages; n += 2 {
		if err := unix.Mprotect(block[n*4096:(n+1)*4096], unix.PROT_READ); err != nil {
			return missed(fmt.Sprintf("%d mappings, then %s", n, plain(err)))
		}
	}
	return Outcome{true, "made 200,000 mappings"}
}

func sparseFile(*Scene) Outcome {
	f, err := os.Create(filepath.Join(scratch(), "sparse"))
	if err != nil {
		return missed(plain(err))
	}
	defer f.Close()
	_, write := f.WriteAt([]byte("x"), 1<<40)
	return attempts(attempt(f.Truncate(1<<40), "made it"), attempt(write, "made it"))
}

func linkBomb(*Scene) Outcome {
	first := filepath.Join(scratch(), "first")
	if err := os.WriteFile(first, []byte("x"), 0o600); err != nil {
		return missed(plain(err))
	}
	for n := range 20_000 {
		if err := os.Link(first, filepath.Join(scratch(), fmt.Sprintf("l%d", n))); err != nil {
			return missed(fmt.Sprintf("%d names, then %s", n, plain(err)))
		}
	}
	time.Sleep(patience)
	return Outcome{true, "made 20,000 names"}
}

func timerDescriptors(*Scene) Outcome {
	often := unix.ItimerSpec{Interval: unix.Timespec{Nsec: 10_000}, Value: unix.Timespec{Nsec: 10_000}}
	for n := range 5000 {
		fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, 0)
		if err == nil {
			err = unix.TimerfdSettime(fd, 0, &often, nil)
		}
		if err != nil {
			return missed(fmt.Sprintf("%d timers, then %s", n, plain(err)))
		}
	}
	return Outcome{true, "made 5,000 timers"}
}
