// SPDX-License-Identifier: Apache-2.0

package translog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

const recordHead = "bulkhead release 1"

// maxPlatforms of a record is more than Go has.
const maxPlatforms = 128

// platformForm is wider than the platforms that this version knows, so that it
// can audit a log of newer ones.
var platformForm = pattern.Lazy(`^[a-z0-9][a-z0-9_]{0,62}$`)

// Entry is what a record says.
type Entry struct {
	ID        string     // "acme/scaler"
	Version   string     // "1.2.0"
	Release   string     // "sha256:...", of the release's canonical document
	Platforms []Platform // in the order of their names
}

// Platform is what a record says of one platform.
type Platform struct {
	Name    string // GOOS_GOARCH or "any"
	H1      string // "h1:...", of the unpacked files
	Archive string // "sha256:...", of the archive
}

// Record is the record of a release.
func Record(r *release.Release) ([]byte, error) {
	document, err := r.Encode()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(document)
	e := Entry{ID: r.ID, Version: r.Version, Release: "sha256:" + hex.EncodeToString(sum[:])}
	for _, name := range slices.Sorted(maps.Keys(r.Platforms)) {
		p := r.Platforms[name]
		e.Platforms = append(e.Platforms, Platform{Name: name, H1: p.H1, Archive: p.Archive})
	}
	return e.Encode()
}

// Encode is the text of a record.
func (e Entry) Encode() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("the record of %s %s: %w", e.ID, e.Version, err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n%s %s\nrelease %s\n", recordHead, e.ID, e.Version, e.Release)
	for _, p := range e.Platforms {
		fmt.Fprintf(&b, "%s %s %s\n", p.Name, p.H1, p.Archive)
	}
	return b.Bytes(), nil
}

// ParseRecord reads a record. There is one spelling of each.
func ParseRecord(data []byte) (Entry, error) {
	if len(data) > MaxRecord {
		return Entry{}, fmt.Errorf("a record has %d bytes; at most %d are allowed", len(data), MaxRecord)
	}
	lines := strings.Split(string(data), "\n")
	if len(lines) < 5 || lines[len(lines)-1] != "" {
		return Entry{}, errors.New("a record must have a head, a release, its digest, one platform at least and end with a newline")
	}
	e, err := parseLines(lines[:len(lines)-1])
	if err == nil {
		err = e.check()
	}
	if err != nil {
		return Entry{}, fmt.Errorf("a record is malformed: %w", err)
	}
	return e, nil
}

func parseLines(lines []string) (Entry, error) {
	if lines[0] != recordHead {
		return Entry{}, fmt.Errorf("it begins with %.64q and not with %q; a newer Bulkhead may read it", lines[0], recordHead)
	}
	id, version, _ := strings.Cut(lines[1], " ")
	digest, ok := strings.CutPrefix(lines[2], "release ")
	if !ok {
		return Entry{}, errors.New("its third line must be \"release\" and a digest")
	}
	e := Entry{ID: id, Version: version, Release: digest}
	for _, line := range lines[3:] {
		f := strings.Split(line, " ")
		if len(f) != 3 {
			return Entry{}, fmt.Errorf("%.64q is not a platform and two digests", line)
		}
		e.Platforms = append(e.Platforms, Platform{Name: f[0], H1: f[1], Archive: f[2]})
	}
	return e, nil
}

func (e Entry) check() error {
	_, err := release.ParseID(e.ID)
	if err = errors.Join(err, release.CheckVersion(e.Version), release.CheckDigest(e.Release)); err != nil {
		return err
	}
	if n := len(e.Platforms); n == 0 || n > maxPlatforms {
		return fmt.Errorf("it has %d platforms; 1 to %d are allowed", n, maxPlatforms)
	}
	for i, p := range e.Platforms {
		if i > 0 && e.Platforms[i-1].Name >= p.Name {
			return fmt.Errorf("the platform %.64q is not after %q in the order of names", p.Name, e.Platforms[i-1].Name)
		}
		if err := p.check(); err != nil {
			return err
		}
	}
	return nil
}

func (p Platform) check() error {
	if !platformForm().MatchString(p.Name) {
		return fmt.Errorf("%.64q is not a platform", p.Name)
	}
	return errors.Join(release.CheckH1(p.H1), release.CheckDigest(p.Archive))
}

// LookupName is the registry's file with the index of a release's record.
func LookupName(id, version string) string { return dir + "lookup/" + id + "/" + version }

// splitData takes the records of a data tile apart.
func splitData(t int, data []byte) ([][]byte, error) {
	records := make([][]byte, 0, t)
	for len(data) > 0 && len(records) < t {
		i := bytes.Index(data, []byte("\n\n"))
		if i < 0 || i+1 > MaxRecord {
			return nil, &ProofError{Reason: "a data tile holds a record without an end"}
		}
		records = append(records, data[:i+1])
		data = data[i+2:]
	}
	if len(data) > 0 || len(records) != t {
		return nil, &ProofError{Reason: fmt.Sprintf("a data tile does not hold the %d records that it should", t)}
	}
	return records, nil
}

// joinData is the content of a data tile.
func joinData(records [][]byte) []byte {
	var b bytes.Buffer
	for _, r := range records {
		b.Write(r)
		b.WriteByte('\n')
	}
	return b.Bytes()
}
