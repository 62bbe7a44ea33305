// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestSelect(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, 24, smallFiles)
	all := records(t, dir, Query{})
	if len(all) != 24 {
		t.Fatalf("%d records", len(all))
	}
	for name, c := range map[string]struct {
		q    Query
		want []uint64
	}{
		"plugin":          {Query{Plugin: "data"}, []uint64{4, 10, 16, 22}},
		"kind":            {Query{Kind: KindDeath}, []uint64{6, 12, 18, 24}},
		"since":           {Query{Since: all[21].Time}, []uint64{22, 23, 24}},
		"last":            {Query{Last: 2}, []uint64{23, 24}},
		"last of a kind":  {Query{Kind: KindDeath, Last: 3}, []uint64{12, 18, 24}},
		"more than there": {Query{Kind: KindDeath, Last: 30}, []uint64{6, 12, 18, 24}},
		"both":            {Query{Plugin: "data", Kind: KindDeath}, nil},
	} {
		var got []uint64
		for _, r := range records(t, dir, c.q) {
			got = append(got, r.Seq)
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestSelectPassesOverWhatIsNoRecord(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, 24, smallFiles)
	inFile(1, func(l [][]byte) [][]byte { l[1][20] ^= 1; return l })(t, dir)
	must(t, os.Remove(filepath.Join(dir, fileName(2))))
	must(t, os.Mkdir(filepath.Join(dir, fileName(2)), 0o700))
	n := 0
	unreadable, err := Select(dir, Query{}, func(Record) error { n++; return nil })
	if err != nil || unreadable != 2 || n == 0 || n > 22 {
		t.Errorf("%d records, %d unreadable, error %v", n, unreadable, err)
	}
	stop := errors.New("stop")
	if _, err := Select(dir, Query{}, func(Record) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
}

func TestSelectOfNothing(t *testing.T) {
	if n, err := Select(filepath.Join(t.TempDir(), "none"), Query{}, func(Record) error { return errDisk }); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

func TestWords(t *testing.T) {
	d := digest([]byte("gpu"))
	for _, c := range []struct {
		event Event
		want  string
	}{
		{life[0].event, "gpu installed: version 1.0.0 from builtin, sha256:" + d[7:15] + "..."},
		{life[1].event, "gpu granted by manifest: read /sys/module/nvidia, device /dev/nvidia*; taken away: exec nvidia-smi"},
		{Grant{By: "user"}, "gpu granted by user: nothing"},
		{life[2].event, "gpu launched: full, sha256:" + d[7:15] + "..., pid 4711, without cgroup"},
		{Launch{Level: "weak", PID: 1}, "gpu launched: weak (not verified), no digest, pid 1"},
		{life[3].event, "gpu called: prepare.Fit, 569 rows in, 512 out, 12.2 ms, ok"},
		{life[4].event, `gpu denied: open /etc/shadow, 3 times; the grant "read /etc/shadow" would allow it`},
		{Denial{What: "socket", Count: 1}, "gpu denied: socket"},
		{Death{Cause: "oom", Signal: "SIGKILL", ExitCode: -1, PeakBytes: 1 << 29, Detail: "first\nsecond"}, "gpu died: oom, SIGKILL, peak 512 MiB; first"},
		{Death{ExitCode: 3}, "gpu died: for an unknown reason, exit code 3"},
		{Rotation{Reason: "on demand"}, "gpu the log began a new file: on demand"},
		{Repair{Aside: "torn", Bytes: 1}, "gpu the log was repaired: a torn line of 1 byte is in torn now"},
		{Damage{File: "head.json", What: "gone"}, "gpu the log was found damaged: head.json: gone"},
		{Lost{Count: 3, Reason: "full"}, "gpu the log lost 3 records: full"},
		{foreign{}, "gpu tomorrow"},
	} {
		data, err := encode(c.event)
		must(t, err)
		if got := (Record{Plugin: "gpu", Kind: c.event.Kind(), Data: data}).Words(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// foreign is an event of a kind that this version does not know.
type foreign struct{}

func (foreign) Kind() Kind { return "tomorrow" }

func TestKindsAreKnown(t *testing.T) {
	if len(Kinds()) != len(decoders) {
		t.Error("Kinds and decoders differ")
	}
	for _, k := range Kinds() {
		e, err := (Record{Kind: k, Data: []byte("{}")}).Event()
		if err != nil || e.Kind() != k {
			t.Errorf("%s: %v, %v", k, e, err)
		}
		if _, err := (Record{Kind: k, Data: []byte(`[]`)}).Event(); err == nil {
			t.Errorf("%s takes a list for its data", k)
		}
	}
	if e, err := (Record{Kind: "tomorrow"}).Event(); e != nil || err != nil {
		t.Errorf("%v, %v", e, err)
	}
}
