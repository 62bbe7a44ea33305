// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// reseal changes a line and makes its hash match, as an attacker would.
func reseal(line []byte, old, new string) []byte {
	body := bytes.Replace(line[:len(line)-1-sealLen], []byte(old), []byte(new), 1)
	body = append(body, '}')
	return append(body[:len(body)-1], hashName+digest(body)+"\"}\n"...)
}

// attacks change a log of 40 records in several files.
var attacks = []struct {
	name   string
	attack func(t *testing.T, dir string)
	what   string
}{
	{"edit a letter", inFile(2, func(l [][]byte) [][]byte {
		l[3] = bytes.Replace(l[3], []byte(`"ada"`), []byte(`"eve"`), 1)
		return l
	}), "the hash does not match"},
	{"edit and rehash", inFile(2, func(l [][]byte) [][]byte {
		l[3] = reseal(l[3], `"ada"`, `"eve"`)
		return l
	}), "does not follow"},
	{"edit the last line and rehash", inFile(0, func(l [][]byte) [][]byte {
		l[len(l)-1] = reseal(l[len(l)-1], `"ada"`, `"eve"`)
		return l
	}), "is not the one that was written last"},
	{"overwrite with zeros", inFile(2, func(l [][]byte) [][]byte {
		clear(l[1][:len(l[1])-1])
		return l
	}), "no record in canonical form"},
	{"add white space", inFile(2, func(l [][]byte) [][]byte {
		l[1] = reseal(l[1], `"v":1`, `"v": 1`)
		return l
	}), "no record in canonical form"},
	{"another version", inFile(2, func(l [][]byte) [][]byte {
		l[1] = reseal(l[1], `"v":1`, `"v":2`)
		return l
	}), "another version"},
	{"a line without end", inFile(1, func(l [][]byte) [][]byte {
		l[1] = append(bytes.Repeat([]byte("x"), 3*maxLine), '\n')
		return l
	}), "longer than"},
	{"delete a line", inFile(1, func(l [][]byte) [][]byte { return slices.Delete(l, 2, 3) }), "record 3 is missing"},
	{"delete the first line", inFile(1, func(l [][]byte) [][]byte { return l[1:] }), "record 1 is missing"},
	{"delete several lines", inFile(1, func(l [][]byte) [][]byte { return slices.Delete(l, 1, 4) }), "records 2 to 4 are missing"},
	{"swap two lines", inFile(1, func(l [][]byte) [][]byte { l[2], l[3] = l[3], l[2]; return l }), "record 3 stands after record 4"},
	{"duplicate a line", inFile(1, func(l [][]byte) [][]byte { return slices.Insert(l, 2, l[1]) }), "record 2 stands after record 2"},
	{"duplicate the last line", inFile(0, func(l [][]byte) [][]byte { return append(l, l[len(l)-1]) }), "record 40 stands after record 40"},
	{"cut off the last line", inFile(0, func(l [][]byte) [][]byte { return l[:len(l)-1] }), "record 40 is missing at the end"},
	{"cut off the last byte", lastBytes(1), "at the end of the log"},
	{"cut off the last 100 bytes", lastBytes(100), "at the end of the log"},
	{"empty the last file", lastBytes(1 << 20), "at the end of the log"},
	{"cut off the end of a middle file", func(t *testing.T, dir string) {
		change(t, dir, fileName(2), func(b []byte) []byte { return b[:len(b)-10] })
	}, "the line has no end"},
	{"empty a middle file", func(t *testing.T, dir string) { must(t, os.Truncate(filepath.Join(dir, fileName(2)), 0)) }, "the file is empty"},
	{"delete the first file", func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, fileName(1)))) }, "the file is missing"},
	{"delete a middle file", func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, fileName(2)))) }, "the file is missing"},
	{"delete the last file", func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, fileName(lastOf(t, dir))))) }, "at the end of the log"},
	{"close the gap of a deleted file", func(t *testing.T, dir string) {
		for n := 2; n < lastOf(t, dir); n++ {
			must(t, os.Rename(filepath.Join(dir, fileName(n+1)), filepath.Join(dir, fileName(n))))
		}
	}, "are missing"},
	{"swap two files", func(t *testing.T, dir string) {
		a, b, c := filepath.Join(dir, fileName(1)), filepath.Join(dir, fileName(2)), filepath.Join(dir, "x")
		must(t, os.Rename(a, c))
		must(t, os.Rename(b, a))
		must(t, os.Rename(c, b))
	}, "stands after record"},
	{"a directory in the place of a file", func(t *testing.T, dir string) {
		must(t, os.Remove(filepath.Join(dir, fileName(2))))
		must(t, os.Mkdir(filepath.Join(dir, fileName(2)), 0o700))
	}, "cannot be read"},
	{"splice another log in", func(t *testing.T, dir string) {
		other := t.TempDir()
		write(t, other, 40, func(c *chain) { smallFiles(c); c.host.User = "bob" })
		data, err := os.ReadFile(filepath.Join(other, fileName(2)))
		must(t, err)
		change(t, dir, fileName(2), func([]byte) []byte { return data })
	}, "does not follow"},
	{"splice lines of another log in", func(t *testing.T, dir string) {
		other := t.TempDir()
		write(t, other, 40, func(c *chain) { smallFiles(c); c.host.User = "bob" })
		data, err := os.ReadFile(filepath.Join(other, fileName(1)))
		must(t, err)
		foreign := bytes.SplitAfter(data, []byte("\n"))
		change(t, dir, fileName(1), linesOf(func(l [][]byte) [][]byte { l[2] = foreign[2]; return l }))
	}, "does not follow"},
	{"delete the head", func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, headName))) }, "the file is missing"},
	{"edit the head", func(t *testing.T, dir string) {
		change(t, dir, headName, func(b []byte) []byte { return bytes.Replace(b, []byte(`"seq":40`), []byte(`"seq":39`), 1) })
	}, "is not the one that was written last"},
	{"a huge number in the head", func(t *testing.T, dir string) {
		change(t, dir, headName, func(b []byte) []byte {
			return bytes.Replace(b, []byte(`"seq":40`), []byte(`"seq":9007199254740992`), 1)
		})
	}, "are missing at the end"},
	{"a number beyond all in the head", func(t *testing.T, dir string) {
		change(t, dir, headName, func(b []byte) []byte {
			return bytes.Replace(b, []byte(`"seq":40`), []byte(`"seq":18446744073709551615`), 1)
		})
	}, "cannot be read"},
	{"a huge file in the head", func(t *testing.T, dir string) {
		change(t, dir, headName, func(b []byte) []byte { return bytes.Replace(b, []byte(`audit-000`), []byte(`audit-999999`), 1) })
	}, "is not the one that was written last"},
	{"empty the head", func(t *testing.T, dir string) { must(t, os.Truncate(filepath.Join(dir, headName), 0)) }, "cannot be read"},
	{"put an older copy of the files back", func(t *testing.T, dir string) {
		head, err := os.ReadFile(filepath.Join(dir, headName))
		must(t, err)
		must(t, os.RemoveAll(dir))
		write(t, dir, 30, smallFiles)
		must(t, os.WriteFile(filepath.Join(dir, headName), head, 0o600))
	}, "records 31 to 40 are missing at the end"},
}

// inFile changes the lines of a file; 0 is the last one.
func inFile(n int, fn func([][]byte) [][]byte) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		number := n
		if n == 0 {
			number = lastOf(t, dir)
		}
		change(t, dir, fileName(number), linesOf(fn))
	}
}

func lastBytes(n int) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		change(t, dir, fileName(lastOf(t, dir)), func(b []byte) []byte { return b[:max(0, len(b)-n)] })
	}
}

func lastOf(t *testing.T, dir string) int {
	t.Helper()
	files, err := numbers(dir)
	must(t, err)
	return last(files)
}

// TestAttacksAreFound also lets a host go on after each attack: it records, and
// the damage stays to be seen.
func TestAttacksAreFound(t *testing.T) {
	whole := t.TempDir()
	write(t, whole, 40, smallFiles)
	intact(t, whole, 40)
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "audit")
			must(t, os.CopyFS(dir, os.DirFS(whole)))
			a.attack(t, dir)
			found(t, verdict(t, dir), a.what)
			write(t, dir, 10, smallFiles)
			if v, err := Verify(dir); err != nil || v.Intact {
				t.Error("the damage is gone after the next host")
			}
			recorded(t, dir, 10)
		})
	}
}

// recorded wants n valid records of one host at the end.
func recorded(t *testing.T, dir string, n int) {
	t.Helper()
	got := records(t, dir, Query{Last: n})
	if len(got) != n {
		t.Fatalf("%d records", len(got))
	}
	for i, r := range got {
		if r.Seq != got[0].Seq+uint64(i) || r.Kind != life[i%len(life)].event.Kind() {
			t.Errorf("record %d of the host after the damage is %s", i, r.Raw())
		}
	}
}

// found wants a problem of these words.
func found(t *testing.T, v *Verdict, what string) {
	t.Helper()
	for _, p := range v.Problems {
		if strings.Contains(p.What, what) && p.Reason != "" && p.File != "" {
			return
		}
	}
	t.Errorf("no problem says %q; intact %t, problems %+v, notes %q", what, v.Intact, v.Problems, v.Notes)
}

// TestAnEditIsOneProblem: the verdict points at the line and at nothing else.
func TestAnEditIsOneProblem(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, 40, smallFiles)
	attacks[0].attack(t, dir)
	first := len(bytes.SplitAfter(readFile(t, dir, fileName(1)), []byte("\n"))) - 1
	v := verdict(t, dir)
	if len(v.Problems) != 1 || v.Problems[0].File != fileName(2) || v.Problems[0].Line != 4 || v.Problems[0].Seq != uint64(first+4) {
		t.Errorf("problems %+v", v.Problems)
	}
}

func readFile(t *testing.T, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	must(t, err)
	return data
}

// TestAnchors finds what a log without an anchor cannot show.
func TestAnchors(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	write(t, dir, 20, nil)
	middle := records(t, dir, Query{})[9]
	anchors := []Anchor{{10, middle.Hash}, intact(t, dir, 20).Anchor}
	if v := verdict(t, dir, anchors...); !v.Intact {
		t.Errorf("problems %+v", v.Problems)
	}
	must(t, os.RemoveAll(dir))
	if v := verdict(t, dir); !v.Intact || v.Files != 0 {
		t.Errorf("an empty log: %+v", v)
	}
	found(t, verdict(t, dir, anchors...), "the log has no valid record 20")
	write(t, dir, 20, func(c *chain) { c.host.User = "eve" })
	intact(t, dir, 20)
	found(t, verdict(t, dir, anchors...), "record 10 is not the one of the anchor")
	found(t, verdict(t, dir, anchors[1]), "record 20 is not the one of the anchor")
}

func TestParseAnchor(t *testing.T) {
	good := Anchor{7, digest(nil)}
	if got, err := ParseAnchor(good.String()); err != nil || got != good {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "7", "7:", ":" + digest(nil), "0:" + digest(nil), "-1:" + digest(nil), "7:" + digest(nil)[7:], "7:" + strings.ToUpper(digest(nil)), "7:" + digest(nil) + "0"} {
		if a, err := ParseAnchor(bad); err == nil {
			t.Errorf("%q is taken for %v", bad, a)
		}
	}
}

// TestAVerdictIsBounded reads a log that is nothing but damage.
func TestAVerdictIsBounded(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, 1, nil)
	change(t, dir, fileName(1), func([]byte) []byte { return bytes.Repeat([]byte("{}\n"), 1000) })
	if v := verdict(t, dir); len(v.Problems) != maxProblems || v.Omitted != 901 {
		t.Errorf("%d problems, %d omitted", len(v.Problems), v.Omitted)
	}
}

// TestTheLogIsCutWhileAHostRuns: the host notices at its next record.
func TestTheLogIsCutWhileAHostRuns(t *testing.T) {
	for name, attack := range map[string]func(*testing.T, string){
		"cut":     lastBytes(10),
		"deleted": func(t *testing.T, dir string) { must(t, os.RemoveAll(dir)) },
		"reset": func(t *testing.T, dir string) {
			must(t, os.RemoveAll(dir))
			write(t, dir, 2, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "audit")
			l := opened(t, dir, nil)
			for i := range 5 {
				must(t, l.Append("p", numbered(0, i)).Wait(context.Background()))
			}
			must(t, reading(dir, func() error { return nil })) // the head is written
			attack(t, dir)
			must(t, l.Append("p", numbered(0, 5)).Wait(context.Background()))
			must(t, l.Close())
			found(t, verdict(t, dir), "a host found damage")
			if r := records(t, dir, Query{Last: 1})[0]; r.Seq != 7 {
				t.Errorf("the record after the damage has number %d, want 7", r.Seq)
			}
		})
	}
}

// TestVerifyWhileHostsWrite never takes a batch in flight for damage.
func TestVerifyWhileHostsWrite(t *testing.T) {
	dir := t.TempDir()
	l := opened(t, dir, smallFiles)
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				if err := l.Append("p", numbered(0, i)).Wait(context.Background()); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}()
	for range 50 {
		v, err := Verify(dir)
		if err != nil || !v.Intact || len(v.Notes) > 1 || len(v.Notes) == 1 && !strings.Contains(v.Notes[0], "a host is running") {
			t.Fatalf("error %v, verdict %+v", err, v)
		}
	}
	close(stop)
	<-done
}
