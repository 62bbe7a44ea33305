// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestChangedBehindTheClock changes a file and puts its time back: size and
// time are the same, and the content gives it away.
func TestChangedBehindTheClock(t *testing.T) {
	for name, content := range map[string]string{
		"another type":  "a,b\n1,x\n3,4\n",
		"fewer rows":    "a,b\n1,22222\n",
		"ragged":        "a,b\n1,2,3,4,\n",
		"name is twice": "a,a\n1,2\n3,4\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, "a,b\n1,2\n3,4\n")
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			tab, err := Open(context.Background(), Spec{Path: path}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
				t.Fatal(err)
			}
			var last error
			for _, last = range tab.Batches(context.Background()) {
			}
			if last == nil {
				t.Error("no error")
			}
		})
	}
}

func TestFileThatGoesAway(t *testing.T) {
	path := write(t, "a,b\n1,2\n")
	tab, err := Open(context.Background(), Spec{Path: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for _, err := range tab.Batches(context.Background()) {
		if err == nil || !strings.Contains(err.Error(), "Missing file") {
			t.Errorf("error %v", err)
		}
	}
}

func TestTooManyColumns(t *testing.T) {
	var header, row strings.Builder
	for i := range 70000 {
		if i > 0 {
			header.WriteByte(',')
			row.WriteByte(',')
		}
		header.WriteString("c" + strconv.Itoa(i))
		row.WriteByte('1')
	}
	_, err := Open(context.Background(), Spec{Path: write(t, header.String()+"\n"+row.String()+"\n")}, nil)
	if err == nil || !strings.Contains(err.Error(), "70000 columns") {
		t.Errorf("error %.200v", err)
	}
}
