// SPDX-License-Identifier: Apache-2.0

package translog

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-ml/bulkhead/registry/release"
)

var update = flag.Bool("update", false, "write the published test vectors anew")

const vectors = "../../testdata/vectors/log"

// vectorLog is log.json: the files of a log.
type vectorLog struct {
	Key    string            `json:"key"`
	Text   map[string]string `json:"text"`
	Base64 map[string][]byte `json:"base64"` // tiles of hashes
}

// vectorCases is cases.json.
type vectorCases struct {
	Records     []vectorRecord     `json:"records"`
	Malformed   []vectorMalformed  `json:"malformed_records"`
	Checkpoints []vectorCheckpoint `json:"checkpoints"`
	Lookups     []vectorLookup     `json:"lookups"`
	Logs        []vectorCase       `json:"logs"`
}

type vectorRecord struct {
	Release json.RawMessage `json:"release"`
	Record  string          `json:"record"`
}

type vectorMalformed struct {
	Why    string `json:"why"`
	Record string `json:"record"`
}

type vectorCheckpoint struct {
	Name    string `json:"name"`
	Note    string `json:"note"`
	Verdict string `json:"verdict"` // ok or refused
	Size    int64  `json:"size,omitempty"`
	Root    string `json:"root,omitempty"`
}

type vectorLookup struct {
	Text  string `json:"text"`
	Index *int64 `json:"index"` // null is refused
}

type vectorCase struct {
	Name    string             `json:"name"`
	Saved   string             `json:"saved,omitempty"`
	Text    map[string]*string `json:"text,omitempty"`   // files that differ; null is not there
	Base64  map[string][]byte  `json:"base64,omitempty"` // tiles that differ
	Release json.RawMessage    `json:"release"`
	Verdict string             `json:"verdict"` // included, refused, fork or rollback
	Index   int64              `json:"index,omitempty"`
}

// TestVectors runs the published vectors, after it has written them when it was
// told to.
func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	var log vectorLog
	var cases vectorCases
	readJSON(t, "log.json", &log)
	readJSON(t, "cases.json", &cases)
	key, err := note.NewVerifier(log.Key)
	must(t, err)
	cases.parsing(t, key)
	for _, c := range cases.Logs {
		t.Run(c.Name, func(t *testing.T) {
			if got, index := c.run(t, log, key); got != c.Verdict || index != c.Index {
				t.Errorf("%s at %d, want %s at %d", got, index, c.Verdict, c.Index)
			}
		})
	}
}

func (cases vectorCases) parsing(t *testing.T, key note.Verifier) {
	for _, c := range cases.Records {
		r, err := release.Parse(c.Release)
		must(t, err)
		if got, err := Record(r); err != nil || string(got) != c.Record {
			t.Errorf("the record %q: %v", got, err)
		}
	}
	for _, c := range cases.Malformed {
		if _, err := ParseRecord([]byte(c.Record)); err == nil {
			t.Errorf("a record is not refused: %s", c.Why)
		}
	}
	for _, c := range cases.Checkpoints {
		got, err := ParseCheckpoint([]byte(c.Note), key)
		if (err == nil) != (c.Verdict == "ok") || err == nil && (got.Size != c.Size || got.Root.String() != c.Root) {
			t.Errorf("the checkpoint %s: %v, %v", c.Name, got, err)
		}
	}
	for _, c := range cases.Lookups {
		if got, err := parseLookup([]byte(c.Text)); (err == nil) != (c.Index != nil) || err == nil && got != *c.Index {
			t.Errorf("the lookup %q is %d, %v", c.Text, got, err)
		}
	}
}

func (c vectorCase) run(t *testing.T, log vectorLog, key note.Verifier) (string, int64) {
	t.Helper()
	store := newMemory()
	for name, text := range log.Text {
		store.data[name] = []byte(text)
	}
	maps.Copy(store.data, log.Base64)
	for name, text := range c.Text {
		if delete(store.data, name); text != nil {
			store.data[name] = []byte(*text)
		}
	}
	maps.Copy(store.data, c.Base64)
	v := &Verifier{Source: store, Key: key}
	if c.Saved != "" {
		v.State = newFile(t, c.Saved)
	}
	r, err := release.Parse(c.Release)
	must(t, err)
	index := int64(0)
	if _, err = v.Update(t.Context()); err == nil {
		index, err = v.Included(t.Context(), r)
	}
	return verdict(err), index
}

func verdict(err error) string {
	var fork *ForkError
	switch {
	case err == nil:
		return "included"
	case errors.As(err, &fork) && fork.Shrunk:
		return "rollback"
	case errors.As(err, &fork):
		return "fork"
	}
	return "refused"
}

func readJSON(t *testing.T, name string, to any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(vectors, name))
	must(t, err)
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	must(t, dec.Decode(to))
}

func writeJSON(t *testing.T, name string, from any) {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	must(t, enc.Encode(from))
	must(t, os.WriteFile(filepath.Join(vectors, name), b.Bytes(), 0o644))
}

// writeVectors makes a log of 259 records, which has a whole tile and parts.
func writeVectors(t *testing.T) {
	t.Helper()
	store := newMemory()
	grown(t, store, 259)
	log := vectorLog{Key: keyText(t, "registry.example/log", 1), Text: map[string]string{}, Base64: map[string][]byte{}}
	for name, data := range store.data {
		if strings.HasPrefix(name, "log/tile/8/0") || strings.HasPrefix(name, "log/tile/8/1") {
			log.Base64[name] = data
			continue
		}
		log.Text[name] = string(data)
	}
	writeJSON(t, "log.json", log)
	cases := vectorCases{Checkpoints: checkpointVectors(t), Lookups: lookupVectors(), Logs: logVectors(t, store)}
	for _, n := range []int{0, 258} {
		cases.Records = append(cases.Records, vectorRecord{Release: document(t, n), Record: string(record(t, n))})
	}
	cases.Malformed = malformedVectors(t)
	writeJSON(t, "cases.json", cases)
}

func document(t *testing.T, n int) json.RawMessage {
	t.Helper()
	data, err := made(n).Encode()
	must(t, err)
	return data
}

func malformedVectors(t *testing.T) []vectorMalformed {
	good := string(record(t, 0))
	lines := strings.SplitAfter(good, "\n")
	return []vectorMalformed{
		{"no newline at the end", strings.TrimSuffix(good, "\n")},
		{"an empty line", good + "\n"},
		{"platforms not in the order of their names", strings.Join([]string{lines[0], lines[1], lines[2], lines[4], lines[3]}, "")},
		{"a platform twice", good + lines[4]},
		{"no platform", strings.Join(lines[:3], "")},
		{"two spaces", strings.Replace(good, " h1:", "  h1:", 1)},
		{"hexadecimal digits in upper case", strings.Replace(good, lines[2], strings.Replace(strings.ToUpper(lines[2]), "RELEASE SHA256", "release sha256", 1), 1)},
		{"another first line", strings.Replace(good, "release 1", "release 2", 1)},
	}
}

func checkpointVectors(t *testing.T) []vectorCheckpoint {
	signer, _ := pair(t, "registry.example/log", 1)
	stranger, _ := pair(t, "registry.example/log", 2)
	text := "registry.example/log\n3\n" + rootText + "\n"
	two, err := note.Sign(&note.Note{Text: text}, stranger, signer)
	must(t, err)
	return []vectorCheckpoint{
		{"right", string(signed(t, text, signer)), "ok", 3, rootText},
		{"a signature of a key that is not known beside", string(two), "ok", 3, rootText},
		{"only another key", string(signed(t, text, stranger)), "refused", 0, ""},
		{"no signature", text + "\n", "refused", 0, ""},
		{"changed after it was signed", strings.Replace(string(signed(t, text, signer)), "\n3\n", "\n4\n", 1), "refused", 0, ""},
		{"another name of the log", string(signed(t, strings.Replace(text, "registry.example/log", "other.example/log", 1), signer)), "refused", 0, ""},
		{"a size with a zero in front", string(signed(t, strings.Replace(text, "\n3\n", "\n03\n", 1), signer)), "refused", 0, ""},
		{"a fourth line", string(signed(t, text+"more\n", signer)), "refused", 0, ""},
	}
}

func lookupVectors() []vectorLookup {
	zero, big := int64(0), int64(MaxRecords-1)
	return []vectorLookup{{"0\n", &zero}, {fmt.Sprintf("%d\n", big), &big}, {"0", nil}, {"00\n", nil}, {"-1\n", nil}, {"1\n\n", nil}, {"1 \n", nil}, {fmt.Sprintf("%d\n", big+1), nil}, {"", nil}}
}

func logVectors(t *testing.T, store *memory) []vectorCase {
	saved := func(n int) string {
		m := newMemory()
		grown(t, m, n)
		return string(m.data[CheckpointName])
	}
	other := newMemory()
	forked(t, other, 4)
	text := func(s string) *string { return &s }
	lookup := LookupName("acme/scaler", "1.7.0")
	return []vectorCase{
		{Name: "first sight", Release: document(t, 7), Verdict: "included", Index: 7},
		{Name: "the last record, in a part of a tile", Release: document(t, 258), Verdict: "included", Index: 258},
		{Name: "it goes on", Saved: saved(3), Release: document(t, 200), Verdict: "included", Index: 200},
		{Name: "nothing new", Saved: saved(259), Release: document(t, 0), Verdict: "included"},
		{Name: "a part that was completed and removed", Text: map[string]*string{CheckpointName: text(saved(5))}, Release: document(t, 4), Verdict: "included", Index: 4},
		{Name: "fewer records", Saved: saved(260), Release: document(t, 7), Verdict: "rollback"},
		{Name: "two logs", Saved: string(other.data[CheckpointName]), Release: document(t, 7), Verdict: "fork"},
		{Name: "a release that is not logged", Release: document(t, 300), Verdict: "refused"},
		{Name: "a lookup of another record", Text: map[string]*string{lookup: text("8\n")}, Release: document(t, 7), Verdict: "refused"},
		{Name: "a lookup beyond the end", Text: map[string]*string{lookup: text("259\n")}, Release: document(t, 7), Verdict: "refused"},
		{Name: "no lookup", Text: map[string]*string{lookup: nil}, Release: document(t, 7), Verdict: "refused"},
		{Name: "no checkpoint", Text: map[string]*string{CheckpointName: nil}, Release: document(t, 7), Verdict: "refused"},
		{Name: "a changed tile", Base64: map[string][]byte{"log/tile/8/0/000": bytes.Repeat([]byte{1}, 8192)}, Release: document(t, 7), Verdict: "refused"},
		{Name: "a tile that is too short", Base64: map[string][]byte{"log/tile/8/0/000": store.data["log/tile/8/0/000"][:8160]}, Release: document(t, 7), Verdict: "refused"},
	}
}
