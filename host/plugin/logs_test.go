// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/go-hclog"
)

// sinkOf returns a sink and what it logs.
func sinkOf() (*logSink, *bytes.Buffer) {
	var out bytes.Buffer
	logger := hclog.New(&hclog.LoggerOptions{Name: "host", Level: hclog.Trace, Output: &out, DisableTime: true})
	spec := Spec{Name: "gpu", Path: "/bin/true"}
	if err := spec.check(); err != nil {
		panic(err)
	}
	return newLogSink(logger.Named("plugin.gpu"), &spec, redactor(nil, nil)), &out
}

func TestLogLines(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"plain", "[DEBUG] host.plugin.gpu: plain"},
		{"[WARN] hot", "[WARN]  host.plugin.gpu: hot"},
		{"[ERROR] mine", "[WARN]  host.plugin.gpu: mine"},
		{`{"@level":"info","@message":"found","@module":"host","n":2,"host":"me"}`, `[INFO]  host.plugin.gpu: found "host"="me" "n"="2"`},
		{`{"@level":"error","@message":"bad"}`, "[WARN]  host.plugin.gpu: bad"},
		{`{"message":"no hclog"}`, `[DEBUG] host.plugin.gpu: {"message":"no hclog"}`},
		{"\x1b]0;owned\x07 a\u202eb", `[DEBUG] host.plugin.gpu: \x1b]0;owned\x07 a\u202eb`},
		{"{\"@message\":\"x\\n[ERROR] host: forged\"}", `[DEBUG] host.plugin.gpu: x\x0a[ERROR] host: forged`},
		{"panic: oh", "[WARN]  host.plugin.gpu: panic: oh"},
	} {
		sink, out := sinkOf()
		sink.pump(strings.NewReader(c.in + "\n"))
		if got := out.String(); got != c.want+"\n" {
			t.Errorf("%q\n got %q\nwant %q", c.in, got, c.want)
		}
	}
}

func TestLogIsCapped(t *testing.T) {
	defer timed(t, bound)()
	sink, out := sinkOf()
	flood, begin := strings.Repeat(strings.Repeat("x", 99)+"\n", 30000), time.Now()
	sink.pump(strings.NewReader(flood + "the end\n"))
	sink.finish()
	if seconds := time.Since(begin).Seconds() + logSeconds; float64(out.Len()) > 2*DefaultLogRate*seconds {
		t.Errorf("%d bytes of %d were logged in %.1f s", out.Len(), len(flood), seconds-logSeconds)
	}
	if n := strings.Count(out.String(), "bytes of log dropped"); n != 1 {
		t.Errorf("the loss was reported %d times", n)
	}
	tail := sink.lastLines()
	if len(tail) != tailLines || tail[tailLines-1] != "the end" {
		t.Errorf("tail %q", tail)
	}
}

func TestLongLineIsCut(t *testing.T) {
	sink, out := sinkOf()
	sink.pump(strings.NewReader(strings.Repeat("x", 100<<10) + "\nnext\n"))
	sink.finish()
	if !strings.Contains(out.String(), "next") || !strings.Contains(out.String(), fmt.Sprintf("bytes=%d", 100<<10+1-maxLine)) {
		t.Errorf("log: %.200q ... %d", out.String(), out.Len())
	}
}

func TestPanicIsKept(t *testing.T) {
	sink, _ := sinkOf()
	text := "before\npanic: boom\n\ngoroutine 1 [running]:\nmain.main()\n"
	sink.pump(strings.NewReader(text + strings.Repeat("frame\n", 10000)))
	got := sink.lastCrash().text
	if !strings.HasPrefix(got, "panic: boom\ngoroutine 1 [running]:\nmain.main()\nframe") || len(got) > crashBytes+tailLine {
		t.Errorf("%d bytes: %.80q", len(got), got)
	}
}

// The stream of go-plugin cuts lines anywhere.
func TestLineWriter(t *testing.T) {
	sink, out := sinkOf()
	w := sink.writer()
	for _, part := range []string{"ab", "c\nde", "f\n", strings.Repeat("z", 3*maxLine), "\nlast\n"} {
		if n, err := io.WriteString(w, part); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	got := out.String()
	for _, want := range []string{": abc\n", ": def\n", ": last\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %.100q", want, got)
		}
	}
}

// A reader that waits for its pace is freed by stop.
func TestPaceStops(t *testing.T) {
	defer timed(t, bound)()
	p := newPacer(1)
	time.AfterFunc(50*time.Millisecond, p.stop)
	p.wait(1 << 20)
	p.wait(1 << 20)
}

func FuzzSanitize(f *testing.F) {
	for _, s := range []string{"", "plain", "\x1b[31m", "\u202e", "\xff\xfe", "a\tb", "\u0085", "�"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := sanitize(text)
		if !utf8.ValidString(got) {
			t.Fatalf("%q became %q, which is not UTF-8", text, got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || unsafeRune(r) {
				t.Fatalf("%q became %q with %U", text, got, r)
			}
		}
	})
}

func FuzzParseLog(f *testing.F) {
	for _, s := range []string{"x", "[INFO] x", `{"@message":"m","@level":"off","k":{"a":[1]}}`, "{", `{"@message":7}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		level, _ := parseLog(text, redactor(nil, nil))
		if level < hclog.Trace || level > hclog.Error {
			t.Fatalf("%q has level %d", text, level)
		}
	})
}

func TestLastWordsLeaveOutDebugging(t *testing.T) {
	sink, _ := sinkOf()
	sink.pump(strings.NewReader(`{"@level":"debug","@message":"plugin address"}
plain text
{"@level":"error","@message":"no licence"}
`))
	if got := strings.Join(sink.lastLines(), "|"); got != "plain text|no licence" {
		t.Errorf("last words %q", got)
	}
}
