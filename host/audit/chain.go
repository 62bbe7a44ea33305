// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// defaultMaxFile is the size that no file of the log exceeds, in bytes.
const defaultMaxFile = 8 << 20

// entry is a record that is not in the chain yet.
type entry struct {
	at      time.Time
	plugin  string
	kind    Kind
	data    json.RawMessage
	receipt *Receipt // nil for records that the log adds by itself
}

// chain appends batches. One goroutine uses it at a time. fail stands before
// every step of a commit, and write does the one write of a batch; tests end
// the process there.
type chain struct {
	dir     string
	host    Host
	maxFile int64
	now     func() time.Time
	fail    func(step string) error
	write   func(*os.File, []byte) (int, error)

	lock lock
	file *os.File // nil: look at the disk again
	tail tail     // of what this chain has read or written
	// before is the end before the last batch.
	before tail
	// due is the end of what this chain brought to disk and the head does not name yet;
	// zero when there is nothing.
	due tail
}

func newChain(dir string, host Host) *chain {
	return &chain{
		dir: dir, host: host.named(), maxFile: defaultMaxFile, now: time.Now,
		fail: func(string) error { return nil }, write: (*os.File).Write,
		lock: lock{path: filepath.Join(dir, lockName)},
	}
}

// commit appends what take returns once the lock is held: all that came while others
// wrote is one batch. The sync comes after the lock, so that nobody waits for the disk
// of another; durable is called when it is done. The head follows at once only where
// the next host would not find the end from the one that is there; see headUp.
func (c *chain) commit(take func() []*entry, durable func()) error {
	if err := c.begin(lockTime); err != nil {
		return err
	}
	synced, err := c.put(take, durable)
	if err = c.end(err); err != nil || synced {
		return err
	}
	if err := c.sync(); err != nil {
		return c.failed("writing records", errors.Join(err, c.takeBack()))
	}
	c.due = c.tail
	durable()
	return nil
}

// put writes a batch under the lock. synced tells that it is on disk, or that there
// is none.
func (c *chain) put(take func() []*entry, durable func()) (synced bool, err error) {
	found, err := c.ready()
	if err != nil {
		c.forget()
		return true, c.failed("finding the end of the log", err)
	}
	batch := slices.Concat(found, take())
	if len(batch) == 0 {
		return true, nil
	}
	c.before = c.tail
	if err := c.append(batch); err != nil {
		c.forget()
		return true, c.failed("writing records", err)
	}
	if len(found) == 0 && c.tail.number == c.before.number {
		return false, nil
	}
	return true, c.settled(len(found) > 0, durable)
}

// settled brings the batch and the head to disk before others go on.
func (c *chain) settled(repaired bool, durable func()) error {
	if err := c.sync(); err != nil {
		return c.failed("writing records", errors.Join(err, c.cut()))
	}
	durable()
	c.due = tail{}
	if !repaired {
		return c.writeHead(c.tail)
	}
	return errors.Join(c.settle(), c.writeHead(c.tail))
}

// takeBack cuts off what could not be brought to disk, unless others wrote behind it.
func (c *chain) takeBack() error {
	if err := c.begin(lockTime); err != nil {
		return err
	}
	if c.current() {
		return c.end(c.cut())
	}
	c.forget()
	return c.end(nil)
}

// cut takes the last batch back, which was promised to nobody.
func (c *chain) cut() error {
	size := c.before.size
	if c.tail.number != c.before.number {
		size = 0
	}
	defer c.forget()
	c.tail = c.before
	return c.file.Truncate(size)
}

// meet looks at the log for the first time and repairs what a crash left. A log that
// others write just now is met with the first batch.
func (c *chain) meet() error {
	if err := c.begin(0); err != nil {
		return unlessTaken(err)
	}
	_, err := c.put(none, func() {})
	return c.end(err)
}

// headUp brings the head up to the last record of this chain that is on disk, unless
// another host did: of those that end together, one writes it for all. It waits for
// the lock as long as limit; 0 leaves the head to the next time.
func (c *chain) headUp(limit time.Duration) error {
	if c.headed() {
		c.due = tail{}
		return c.lock.drop()
	}
	if err := c.begin(limit); err != nil {
		return unlessTaken(err)
	}
	return c.end(c.raise())
}

// headed reports whether the head names all that this chain brought to disk.
func (c *chain) headed() bool {
	if c.due.seq == 0 {
		return true
	}
	h, err := readHead(c.dir)
	return err == nil && h.Seq >= c.due.seq
}

func (c *chain) raise() error {
	if _, err := c.put(none, func() {}); err != nil || c.headed() {
		c.due = tail{}
		return err
	}
	due := c.due
	c.due = tail{}
	return c.writeHead(due)
}

// unfinished tells that headUp has something to come back for.
func (c *chain) unfinished() bool { return c.due.seq > 0 || c.lock.waiting != nil }

func none() []*entry { return nil }

// unlessTaken is nil where the lock was not waited for.
func unlessTaken(err error) error {
	if errors.Is(err, errLocked) {
		return nil
	}
	return err
}

// begin takes the lock.
func (c *chain) begin(limit time.Duration) error {
	if err := makeDir(c.dir); err != nil {
		return c.failed("making the directory", err)
	}
	if err := c.fail("locking"); err != nil {
		return c.failed("locking", err)
	}
	if err := c.lock.acquire(limit); err != nil {
		return c.failed("locking", err)
	}
	c.lock.touch()
	return nil
}

// end releases the lock.
func (c *chain) end(err error) error {
	if releaseErr := c.lock.release(); err == nil && releaseErr != nil {
		return c.failed("releasing the lock", releaseErr)
	}
	return err
}

func (c *chain) writeHead(t tail) error {
	if err := writeHead(c.dir, t.head(), c.fail); err != nil {
		return c.failed("writing head.json", err)
	}
	return nil
}

// ready finds the end of the log, unless it is where this chain left it, and
// returns the records of what was found wrong there.
func (c *chain) ready() ([]*entry, error) {
	if c.current() {
		return nil, nil
	}
	c.forget()
	if err := c.fail("reading the end"); err != nil {
		return nil, err
	}
	e, err := c.find()
	if err != nil {
		return nil, err
	}
	return c.adopt(c.held(e))
}

// find looks for the end of the log: from where this chain knows it, so that hosts that
// write in turns read only what is new, and from the head where that is not there.
func (c *chain) find() (end, error) {
	if c.tail.size == 0 || confirm(c.dir, c.tail.head()) != "" {
		return load(c.dir)
	}
	files, err := numbers(c.dir)
	if err != nil {
		return end{}, err
	}
	return fromHead(c.dir, files, c.tail.head())
}

// current reports whether nobody wrote since this chain did.
func (c *chain) current() bool {
	if c.file == nil || !sameFile(c.file, filepath.Join(c.dir, fileName(c.tail.number))) {
		return false
	}
	info, err := c.file.Stat()
	if err != nil || info.Size() != c.tail.size {
		return false
	}
	_, err = os.Lstat(filepath.Join(c.dir, fileName(c.tail.number+1)))
	return errors.Is(err, os.ErrNotExist)
}

// held compares what is on disk with what this chain wrote before: a log that
// went back was cut or replaced while the host ran.
func (c *chain) held(e end) end {
	if c.tail.seq < e.seq || c.tail.seq == e.seq && (c.tail.hash == e.hash || e.seq == 0) {
		return e
	}
	e.seq, e.hash, e.fresh = c.tail.seq, c.tail.hash, false
	e.damaged(max(e.number, c.tail.number), fileName(c.tail.number), "the log was put back behind record %d, or replaced, while a host was running", e.seq)
	return e
}

// adopt makes the end found that of the chain.
func (c *chain) adopt(e end) ([]*entry, error) {
	if e.fresh {
		if err := errors.Join(syncDir(filepath.Dir(c.dir)), writeHead(c.dir, firstHead(), c.fail)); err != nil {
			return nil, err
		}
	}
	if e.torn {
		if err := c.aside(e.tail); err != nil {
			return nil, err
		}
	}
	c.tail = e.tail
	out, err := c.repairs()
	if err != nil || e.damage == nil {
		return out, err
	}
	damage, err := c.own(*e.damage)
	return append(out, damage), err
}

// own is an entry for a record that the log adds by itself.
func (c *chain) own(e Event) (*entry, error) {
	data, err := encode(e)
	return &entry{at: c.now(), kind: e.Kind(), data: data}, err
}

// append writes a batch in one piece.
func (c *chain) append(batch []*entry) error {
	text, next, err := c.seal(batch)
	if err != nil {
		return err
	}
	asked := slices.ContainsFunc(batch, func(e *entry) bool { return e.kind == KindRotation })
	if c.tail.size > 0 && (asked || c.tail.size+int64(len(text)) > c.maxFile) {
		if err := c.leave(); err != nil {
			return err
		}
		next.number, next.size = c.tail.number+1, 0
	}
	if err := c.open(next.number, next.size); err != nil {
		return err
	}
	if err := c.writeBatch(text); err != nil {
		// Whatever of the batch is in the file was promised to nobody.
		return errors.Join(err, c.file.Truncate(next.size))
	}
	next.size += int64(len(text))
	c.tail = next
	return nil
}

// seal chains the entries. The tail that it returns still has the old size.
func (c *chain) seal(batch []*entry) ([]byte, tail, error) {
	var text []byte
	next := c.tail
	for _, e := range batch {
		line, hash, err := envelope{
			V: formatVersion, Seq: next.seq + 1, Time: stamp(e.at), Host: c.host, Kind: e.kind, Plugin: e.plugin, Data: e.data, Prev: next.hash,
		}.seal()
		if err == nil && (len(line) > maxLine || next.seq >= maxSeq) {
			err = errFull
		}
		if err != nil {
			return nil, next, err
		}
		text, next.seq, next.hash = append(text, line...), next.seq+1, hash
		if e.receipt != nil {
			e.receipt.anchor = Anchor{Seq: next.seq, Hash: hash}
		}
	}
	return text, next, nil
}

// open opens the n-th file for appending, and makes it if it has to be new.
func (c *chain) open(n int, size int64) error {
	if c.file != nil {
		return nil
	}
	if err := c.fail("opening a file"); err != nil {
		return err
	}
	if _, ok := fileNumber(fileName(n)); !ok {
		return errFull
	}
	f, err := openRegular(filepath.Join(c.dir, fileName(n)), os.O_WRONLY|os.O_APPEND|os.O_CREATE)
	if err != nil {
		return err
	}
	c.file = f
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != size {
		return errors.New(f.Name() + " was written by a program that does not keep the lock")
	}
	if size > 0 {
		return nil
	}
	if err := c.fail("syncing a new file"); err != nil {
		return err
	}
	return syncDir(c.dir)
}

func (c *chain) writeBatch(text []byte) error {
	if err := c.fail("writing records"); err != nil {
		return err
	}
	_, err := c.write(c.file, text)
	return err
}

// sync brings to disk what is in the file, with all that others wrote before.
func (c *chain) sync() error {
	if err := c.fail("syncing records"); err != nil {
		return err
	}
	return c.file.Sync()
}

// leave brings the file to disk whose successor begins: who syncs that one relies on it.
func (c *chain) leave() error {
	if err := c.open(c.tail.number, c.tail.size); err != nil {
		return err
	}
	defer c.forget()
	return c.file.Sync()
}

// forget makes the next batch look at the disk.
func (c *chain) forget() {
	if c.file != nil {
		_ = c.file.Close() // what was written was synced, or is not relied on
		c.file = nil
	}
}

func (c *chain) close() error {
	c.forget()
	return c.lock.close()
}
