// SPDX-License-Identifier: Apache-2.0

package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
)

// DownloadOptions say where a file goes and what it must be. Size or Max must be
// given; without a SHA256 nothing is resumed that another process began.
type DownloadOptions struct {
	Path string // of the file; its directory is made
	// Size is that of the file in bytes, exactly; 0 when it is not known.
	Size int64
	// Max is the most bytes the file may have, when Size is 0.
	Max int64
	// SHA256 of the file in lower-case hexadecimal digits; "" when it is not known.
	SHA256 string
	// MinRate is the fewest bytes per second over each Window; 0 is DefaultMinRate,
	// and a negative one is none.
	MinRate int64
	// Window is the time over which MinRate is taken; 0 is DefaultWindow.
	Window time.Duration
	// Attempts in a row that may break before as much came as MinRate asks for in
	// a Window; 0 is 4.
	Attempts int
	// Pause is the first one between two attempts; 0 is 250 ms.
	Pause time.Duration
	// Progress is called at most ten times a second and at the end, by one
	// goroutine at a time for each file.
	Progress func(Progress)
}

// Progress of a download.
type Progress struct {
	Name  string
	Bytes int64   // that are there, those of an earlier try among them
	Total int64   // -1 when it is not known
	Rate  float64 // bytes per second since this try began
}

// Download fetches a file to Path.
//
// The bytes go to Path.partial, which a later call goes on with; Path.partial.json
// binds it to the SHA-256 that it is to have. Path.lock keeps others out, so that
// of several hosts one downloads and the rest find the file. When all bytes are
// there, their number and the SHA-256 of the whole file are checked, also of what
// another process downloaded, and the file is brought to disk and renamed. What
// turns out to be another file is deleted, and the error is a *DigestError,
// *TooLargeError or *SizeError; *SlowError and a broken connection leave what came
// to be gone on with.
func Download(ctx context.Context, src Source, name string, o DownloadOptions) (err error) {
	o, err = o.checked(name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(o.Path), 0o700); err != nil {
		return fmt.Errorf("downloading %s: %w", name, err)
	}
	lock, err := acquire(ctx, o.Path+".lock")
	if err != nil {
		return fmt.Errorf("downloading %s: %w", name, err)
	}
	defer func() {
		_ = os.Remove(o.Path + ".lock") // whoever waits for it makes another
		err = errors.Join(err, lock.Release())
	}()
	if there, err := o.there(ctx); there || err != nil {
		return err
	}
	return (&download{DownloadOptions: o, src: src, name: name}).run(ctx)
}

// checked are the options with their defaults.
func (o DownloadOptions) checked(name string) (DownloadOptions, error) {
	switch {
	case o.Path == "":
		return o, fmt.Errorf("downloading %s: no path was given", name)
	case o.Size <= 0 && o.Max <= 0:
		return o, fmt.Errorf("downloading %s: neither a size nor a bound was given", name)
	case o.SHA256 != "" && !isDigest(o.SHA256):
		return o, fmt.Errorf("downloading %s: %q is no SHA-256", name, o.SHA256)
	}
	if o.MinRate == 0 {
		o.MinRate = DefaultMinRate
	}
	if o.Window <= 0 {
		o.Window = DefaultWindow
	}
	if o.Attempts <= 0 {
		o.Attempts = defaultAttempts
	}
	if o.Pause <= 0 {
		o.Pause = defaultPause
	}
	return o, CheckName(name)
}

// there reports whether somebody else downloaded the file meanwhile.
func (o DownloadOptions) there(ctx context.Context) (bool, error) {
	if o.SHA256 == "" {
		return false, nil
	}
	f, err := durable.OpenRegular(o.Path, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	sum, size, err := hashOf(ctx, f)
	return err == nil && sum == o.SHA256 && (o.Size == 0 || size == o.Size), err
}

// limit is the most bytes the file may have.
func (o DownloadOptions) limit() int64 {
	if o.Size > 0 {
		return o.Size
	}
	return o.Max
}

// download is one file on its way.
type download struct {
	DownloadOptions
	src  Source
	name string
	part *partial
	// resumed: bytes were added to those of another request.
	resumed bool
}

func (d *download) run(ctx context.Context) (err error) {
	d.part, err = openPartial(d.Path, d.SHA256, d.src.String())
	if err != nil {
		return fmt.Errorf("downloading %s: %w", d.name, err)
	}
	defer func() { err = errors.Join(err, d.part.close()) }()
	d.resumed = d.part.size > 0
	err = d.fetch(ctx)
	var wrong *DigestError
	if d.resumed && errors.As(err, &wrong) { // the pieces may not belong together
		if err := d.part.truncate(); err != nil {
			return err
		}
		err = d.fetch(ctx)
	}
	return d.settle(err)
}

// settle keeps or deletes what came.
func (d *download) settle(err error) error {
	var large *TooLargeError
	var wrong *DigestError
	var size *SizeError
	switch {
	case err == nil:
		return d.part.rename(d.Path)
	case errors.As(err, &large), errors.As(err, &wrong), errors.As(err, &size):
		return errors.Join(err, d.part.remove())
	case d.SHA256 == "": // nobody could say what it belongs to
		return errors.Join(err, d.part.remove())
	}
	return err
}

// fetch brings all bytes and checks them. Attempts that bring something are not
// counted.
func (d *download) fetch(ctx context.Context) error {
	again := retries{attempts: d.Attempts, pause: d.Pause}
	meter := newMeter(d)
	for {
		before := d.part.size
		err, temporary := broken(d.attempt(ctx, meter))
		if err == nil {
			meter.last()
			return d.verify(ctx)
		}
		if d.part.size-before >= d.enough() {
			again.made = 0
		}
		if !temporary || !again.again(ctx, 0) {
			return err
		}
	}
}

// enough is how many bytes make an attempt count as one that got on: those of a
// window at the lowest rate, so that breaking is no way around that.
func (d *download) enough() int64 {
	rate := d.MinRate
	if rate < 0 {
		rate = DefaultMinRate
	}
	return max(1, int64(float64(rate)*d.Window.Seconds()))
}

// attempt goes on where the partial file ends.
func (d *download) attempt(ctx context.Context, meter *meter) error {
	if d.Size > 0 && d.part.size == d.Size {
		return nil
	}
	mixed := d.SHA256 == "" && d.part.Tag == "" // nothing would tell if the file changed
	if d.part.size > d.limit() || mixed {
		if err := d.part.truncate(); err != nil {
			return err
		}
	}
	t := transfer{src: d.src, name: d.name, limit: d.limit(), exact: d.Size > 0, rate: d.MinRate, window: d.Window}
	return t.run(ctx, d.part.size, d.part.Tag, func(info Info) (io.Writer, error) {
		if err := d.part.begin(info); err != nil {
			return nil, err
		}
		d.resumed = d.resumed || info.Offset > 0
		meter.total = info.Size
		return markedWriter{io.MultiWriter(d.part, meter)}, nil
	})
}

func (d *download) verify(ctx context.Context) error {
	if d.SHA256 == "" {
		return nil
	}
	sum, err := d.part.digest(ctx)
	if err == nil && sum != d.SHA256 {
		err = &DigestError{d.src.String(), d.name, d.SHA256, sum}
	}
	return err
}
