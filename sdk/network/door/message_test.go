// SPDX-License-Identifier: Apache-2.0

package door_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bulkhead-ml/bulkhead/sdk/network/door"
)

// The bytes are the protocol: other languages write them by themselves.
func TestBytesOfMessages(t *testing.T) {
	request, err := door.Request{ID: 0x01020304, Host: "example.com", Port: 443}.Append(nil)
	if want := "\x01\x01\x01\x02\x03\x04\x01\xbb\x0bexample.com"; err != nil || string(request) != want {
		t.Errorf("request is %q, %v, want %q", request, err, want)
	}
	reply := door.Reply{ID: 0x01020304, Status: door.Unreachable, Text: "no"}.Append(nil)
	if want := "\x01\x04\x01\x02\x03\x04\x00\x02no"; string(reply) != want {
		t.Errorf("reply is %q, want %q", reply, want)
	}
}

func TestRequestsComeBack(t *testing.T) {
	for _, want := range []door.Request{
		{ID: 0, Host: "a", Port: 1}, {ID: 1<<32 - 1, Host: strings.Repeat("x", door.MaxHost), Port: 65535}, {ID: 7, Host: "\x00\xff", Port: 80},
	} {
		message, err := want.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := door.ParseRequest(message); err != nil || got != want {
			t.Errorf("ParseRequest = %+v, %v, want %+v", got, err, want)
		}
	}
}

func TestImpossibleRequestsAreNotWritten(t *testing.T) {
	for _, r := range []door.Request{{Host: "", Port: 1}, {Host: "a"}, {Host: strings.Repeat("x", door.MaxHost+1), Port: 1}} {
		if message, err := r.Append(nil); !errors.Is(err, door.ErrMalformed) {
			t.Errorf("%+v was written as %q, %v", r, message, err)
		}
	}
}

func TestForeignRequests(t *testing.T) {
	for _, c := range []struct {
		name, message string
		want          error
	}{
		{"empty", "", door.ErrMalformed},
		{"short", "\x01\x01\x00\x00\x00", door.ErrMalformed},
		{"header alone", "\x01\x01\x00\x00\x00\x01\x00\x50", door.ErrMalformed},
		{"no host", "\x01\x01\x00\x00\x00\x01\x00\x50\x00", door.ErrMalformed},
		{"host cut off", "\x01\x01\x00\x00\x00\x01\x00\x50\x05abc", door.ErrMalformed},
		{"bytes after the host", "\x01\x01\x00\x00\x00\x01\x00\x50\x01abc", door.ErrMalformed},
		{"port 0", "\x01\x01\x00\x00\x00\x01\x00\x00\x01a", door.ErrMalformed},
		{"host too long", "\x01\x01\x00\x00\x00\x01\x00\x50\xfe" + strings.Repeat("a", 254), door.ErrMalformed},
		{"next version", "\x02\x01\x00\x00\x00\x09", door.ErrUnsupported},
		{"another kind", "\x01\x02\x00\x00\x00\x09whatever", door.ErrUnsupported},
	} {
		r, err := door.ParseRequest([]byte(c.message))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.want)
		}
		if errors.Is(c.want, door.ErrUnsupported) && r.ID != 9 {
			t.Errorf("%s: id %d, want 9", c.name, r.ID)
		}
	}
}

func TestTextsOfRepliesAreCutToWholeCharacters(t *testing.T) {
	for _, text := range []string{strings.Repeat("x", 511) + "é", strings.Repeat("日", 400), "bad \xff bytes", strings.Repeat("\xff", 600)} {
		message := door.Reply{Status: door.NotFound, Text: text}.Append(nil)
		reply, err := door.ParseReply(message)
		if err != nil || len(reply.Text) > door.MaxText || !utf8.ValidString(reply.Text) {
			t.Errorf("%.20q became %q, %v", text, reply.Text, err)
		}
		if len(message) > door.MaxMessage {
			t.Errorf("%.20q makes a message of %d bytes", text, len(message))
		}
	}
}

func TestForeignReplies(t *testing.T) {
	for _, message := range []string{
		"", "\x01\x00\x00\x00\x00\x01\x00", "\x02\x00\x00\x00\x00\x01\x00\x00", "\x01\x00\x00\x00\x00\x01\x00\x05abc",
		"\x01\x00\x00\x00\x00\x01\x00\x00abc", "\x01\x00\x00\x00\x00\x01\x00\x01\xff", "\x01\x00\x00\x00\x00\x01\x02\x01" + strings.Repeat("a", 513),
	} {
		if r, err := door.ParseReply([]byte(message)); !errors.Is(err, door.ErrMalformed) {
			t.Errorf("%q was read as %+v, %v", message, r, err)
		}
	}
}

func TestStatusesHaveWords(t *testing.T) {
	if door.NotGranted.String() != "not granted" || door.Unsupported.String() != "unsupported" || door.Status(200).String() != "status 200" {
		t.Error(door.NotGranted, door.Unsupported, door.Status(200))
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add([]byte("\x01\x01\x00\x00\x00\x01\x00\x50\x01a"))
	f.Add([]byte("\x02\x01\x00\x00\x00\x09"))
	f.Fuzz(func(t *testing.T, message []byte) {
		r, err := door.ParseRequest(message)
		if err != nil {
			if !errors.Is(err, door.ErrMalformed) && !errors.Is(err, door.ErrUnsupported) {
				t.Fatalf("error %v has no type", err)
			}
			return
		}
		if again, err := r.Append(nil); err != nil || !bytes.Equal(again, message) {
			t.Fatalf("%q came back as %q, %v", message, again, err)
		}
	})
}

func FuzzParseReply(f *testing.F) {
	f.Add([]byte("\x01\x04\x01\x02\x03\x04\x00\x02no"))
	f.Fuzz(func(t *testing.T, message []byte) {
		r, err := door.ParseReply(message)
		if err != nil {
			return
		}
		if again := r.Append(nil); !bytes.Equal(again, message) {
			t.Fatalf("%q came back as %q", message, again)
		}
	})
}
