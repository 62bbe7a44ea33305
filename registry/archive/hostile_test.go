// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"archive/tar"
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
)

// file is a file of an archive that a test spells by hand.
type file struct {
	name, content string
	exec          bool
}

// small is the least that an archive holds.
func small() []file {
	return []file{{name: "manifest.json", content: manifestOf("#!run\n")}, {name: "scaler", content: "#!run\n", exec: true}}
}

// spell is a tar stream, right where the files are.
func spell(files []file) []byte {
	var out []byte
	for _, f := range files {
		out = append(out, one(f)...)
	}
	return append(out, make([]byte, 2*blockSize)...)
}

// one is a header with its content and padding.
func one(f file) []byte {
	e := entry{name: f.name, size: int64(len(f.content)), exec: f.exec}
	out := append(e.header()[:], f.content...)
	return append(out, make([]byte, e.padding())...)
}

// encoder makes frames of the kind that archives have.
var encoder = sync.OnceValue(func() *zstd.Encoder {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(err)
	}
	return enc
})

// compress makes a frame of a stream.
func compress(stream []byte, opts ...zstd.EOption) []byte {
	if len(opts) == 0 {
		return encoder().EncodeAll(stream, nil)
	}
	enc, err := zstd.NewWriter(nil, append([]zstd.EOption{zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true)}, opts...)...)
	if err != nil {
		panic(err)
	}
	return enc.EncodeAll(stream, nil)
}

// with is a small archive with one more file whose header was changed and whose
// checksum was made right again.
func with(name string, change func(b *block)) []byte {
	extra := one(file{name: name})
	b := block(extra)
	change(&b)
	octal(b[148:155], b.sum())
	b[155] = ' '
	files := slices.Concat(one(small()[0]), b[:], one(small()[1]), make([]byte, 2*blockSize))
	return compress(files)
}

// named is a small archive with one more file.
func named(names ...string) []byte {
	files := small()
	for _, name := range names {
		files = append(files, file{name: name, content: "x"})
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return compress(spell(files))
}

// foreign is what archive/tar writes for a header, before the small files.
func foreign(h tar.Header, content string) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if h.Typeflag != tar.TypeXGlobalHeader {
		h.Size, h.Mode, h.ModTime = int64(len(content)), 0o644, time.Unix(0, 0)
	}
	if err := w.WriteHeader(&h); err != nil {
		panic(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		panic(err)
	}
	if err := w.Flush(); err != nil {
		panic(err)
	}
	return compress(append(out.Bytes(), spell(small())...))
}

func kind(k byte, link string) func(b *block) {
	return func(b *block) {
		b[156] = k
		copy(b[157:], link)
	}
}

func field(at int, text string) func(b *block) {
	return func(b *block) { copy(b[at:], text) }
}

// vector is a published archive with what becomes of it.
type vector struct {
	File     string            `json:"file"`
	About    string            `json:"about"`
	Verdict  string            `json:"verdict"` // accepted or refused
	Rule     Rule              `json:"rule,omitempty"`
	Promised int64             `json:"promised,omitempty"` // bytes of all files that a registry promised
	H1       string            `json:"h1,omitempty"`
	Unpacked int64             `json:"unpacked,omitempty"`
	Files    map[string]string `json:"files,omitempty"` // SHA-256 of each
	data     []byte
}

func bad(rule Rule, name, about string, data []byte) vector {
	return vector{File: name + ".tar.zst", About: about, Verdict: "refused", Rule: rule, data: data}
}

func good(name, about string, data []byte) vector {
	return vector{File: name + ".tar.zst", About: about, Verdict: "accepted", data: data}
}

// vectors makes all published archives.
func vectors() []vector {
	return slices.Concat(goodVectors(), frameVectors(), headerVectors(), nameVectors(), wholeVectors())
}

func goodVectors() []vector {
	full := plugin()
	var files []file
	for _, name := range slices.Sorted(maps.Keys(full)) {
		files = append(files, file{name, full[name], name == "scaler" || strings.HasSuffix(name, ".so")})
	}
	zeros := append(small(), file{name: "zeros", content: strings.Repeat("\x00", 1<<20)})
	return []vector{
		good("small", "a manifest and an executable", compress(spell(small()))),
		good("plugin", "directories, an empty file, a split name, a name that is not ASCII", compress(spell(files))),
		good("zeros", "a mebibyte of zeros in a few bytes is fine within the promise", compress(spell(zeros))),
		good("level", "another level of compression gives the same h1", compress(spell(files), zstd.WithEncoderLevel(zstd.SpeedFastest))),
	}
}

func frameVectors() []vector {
	tarball := spell(small())
	frame := compress(tarball)
	half := len(tarball) / 2
	skippable := []byte{0x50, 0x2A, 0x4D, 0x18, 4, 0, 0, 0, 'h', 'i', 'd', 'e'}
	dictionary := slices.Concat(frame[:4], []byte{frame[4] | 1}, frame[5:])
	wide := []byte{0x28, 0xB5, 0x2F, 0xFD, 0x04, 14 << 3}
	single := []byte{0x28, 0xB5, 0x2F, 0xFD, 0xE4, 0, 0, 0, 1, 0, 0, 0, 0}
	damaged := slices.Clone(frame)
	damaged[len(damaged)-1] ^= 1
	return []vector{
		bad(RuleEnd, "empty", "no bytes", nil),
		bad(RuleFrame, "plain-tar", "not compressed", tarball),
		bad(RuleFrame, "gzip", "another compression", []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x01\x00\x00\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00")),
		bad(RuleFrame, "no-checksum", "a frame without a checksum", compress(tarball, zstd.WithEncoderCRC(false))),
		bad(RuleFrame, "wrong-checksum", "the last byte is another", damaged),
		bad(RuleFrame, "dictionary", "a frame that needs a dictionary", dictionary),
		bad(RuleFrame, "window-16-mib", "a decoder would have to remember 16 MiB", slices.Concat(wide, frame[6:])),
		bad(RuleFrame, "single-segment-16-mib", "the same, said by the size of the content", slices.Concat(single, frame[6:])),
		bad(RuleFrame, "skippable-before", "a skippable frame in front", slices.Concat(skippable, frame)),
		bad(RuleFrame, "reserved-block", "a block of the reserved kind", []byte{0x28, 0xB5, 0x2F, 0xFD, 0x04, 0x58, 0x07, 0, 0, 0, 0, 0, 0}),
		bad(RuleEnd, "skippable-after", "a skippable frame behind", slices.Concat(frame, skippable)),
		bad(RuleEnd, "two-frames", "the tar stream in two frames", slices.Concat(compress(tarball[:half]), compress(tarball[half:]))),
		bad(RuleEnd, "two-archives", "another archive behind", slices.Concat(frame, frame)),
		bad(RuleEnd, "trailing-zero", "one more byte", append(slices.Clone(frame), 0)),
		bad(RuleEnd, "truncated", "the last 10 bytes are missing", frame[:len(frame)-10]),
	}
}

func headerVectors() []vector {
	long := strings.Repeat("n", 150)
	return []vector{
		bad(RuleLink, "symlink", "a symbolic link", with("data/link", kind('2', "/etc/passwd"))),
		bad(RuleLink, "hardlink", "a hard link", with("data/link", kind('1', "manifest.json"))),
		bad(RuleSpecial, "character-device", "a character device", with("data/null", kind('3', ""))),
		bad(RuleSpecial, "block-device", "a block device", with("data/sda", kind('4', ""))),
		bad(RuleSpecial, "directory", "an entry for a directory", with("data", kind('5', ""))),
		bad(RuleSpecial, "pipe", "a named pipe", with("data/pipe", kind('6', ""))),
		bad(RuleHeader, "contiguous", "the type 7 of old systems", with("data/x", kind('7', ""))),
		bad(RuleHeader, "old-type", "the type NUL of old tar", with("data/x", func(b *block) { b[156] = 0 })),
		bad(RuleHeader, "sparse", "the type S of GNU tar", with("data/x", kind('S', ""))),
		bad(RuleHeader, "pax-long-name", "a PAX record with a long name", foreign(tar.Header{Name: long}, "x")),
		bad(RuleHeader, "pax-many", "PAX records that nothing needs", foreign(tar.Header{Name: "a", PAXRecords: map[string]string{"BULKHEAD.a": strings.Repeat("a", 4000)}}, "x")),
		bad(RuleHeader, "pax-global", "a global PAX header", foreign(tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"path": "../x"}}, "")),
		bad(RuleHeader, "gnu-long-name", "a long name of GNU tar", foreign(tar.Header{Name: long, Format: tar.FormatGNU}, "x")),
		bad(RuleHeader, "v7", "a header before POSIX", with("data/x", func(b *block) { clear(b[257:265]) })),
		bad(RuleHeader, "gnu-magic", "the magic of GNU tar", with("data/x", field(257, "ustar  \x00"))),
		bad(RuleHeader, "size-base-256", "a size in base 256", with("data/x", field(124, "\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"))),
		bad(RuleHeader, "size-negative", "a size with a sign", with("data/x", field(124, "-0000000001\x00"))),
		bad(RuleHeader, "size-spaces", "a size filled up with spaces", with("data/x", field(124, "          0\x00"))),
		bad(RuleHeader, "owner", "an owner that is not 0", with("data/x", field(108, "0001750\x00"))),
		bad(RuleHeader, "owner-name", "the name of an owner", with("data/x", field(265, "root"))),
		bad(RuleHeader, "time", "a time", with("data/x", field(136, "14737423100\x00"))),
		bad(RuleHeader, "hidden-bytes", "bytes behind the NUL of the name", with("data/x", field(20, "hidden"))),
		bad(RuleHeader, "link-name", "a regular file with the name of a link", with("data/x", field(157, "scaler"))),
		bad(RuleHeader, "prefix", "a short name that is split", with("x", field(345, "data"))),
		bad(RuleHeader, "padding", "bytes between content and next header", compress(bytes.Replace(spell(small()), []byte("#!run\n\x00"), []byte("#!run\n!"), 1))),
		bad(RuleHeader, "checksum", "a header with a wrong checksum", compress(bytes.Replace(spell(small()), []byte("scaler\x00"), []byte("scalar\x00"), 1))),
		bad(RuleMode, "setuid", "the set-user-id bit", with("data/x", field(100, "0004755\x00"))),
		bad(RuleMode, "setgid", "the set-group-id bit", with("data/x", field(100, "0002755\x00"))),
		bad(RuleMode, "sticky", "the sticky bit", with("data/x", field(100, "0001644\x00"))),
		bad(RuleMode, "world-writable", "the mode 0666", with("data/x", field(100, "0000666\x00"))),
		bad(RuleMode, "executable-manifest", "a manifest that is executable", compress(spell([]file{{"manifest.json", small()[0].content, true}, small()[1]}))),
		bad(RuleMode, "plain-executable", "an executable that is not executable", compress(spell([]file{small()[0], {"scaler", "#!run\n", false}}))),
	}
}

func nameVectors() []vector {
	raw := func(name string) []byte { return with("z", func(b *block) { copy(b[:], name) }) }
	return []vector{
		bad(RuleName, "traversal", "leads out of the directory", named("../evil")),
		bad(RuleName, "traversal-inside", "leads out by a detour", named("a/../../evil")),
		bad(RuleName, "traversal-backslash", "leads out on Windows", named(`..\evil`)),
		bad(RuleName, "absolute", "an absolute path", named("/etc/evil")),
		bad(RuleName, "drive", "an absolute path on Windows", named("C:evil")),
		bad(RuleName, "stream", "an alternate data stream of NTFS", named("scaler.txt:evil")),
		bad(RuleName, "dot-slash", "another spelling of a name", named("./x")),
		bad(RuleName, "double-slash", "another spelling of a name", named("a//x")),
		bad(RuleName, "trailing-slash", "a file with the name of a directory", named("x/")),
		bad(RuleName, "empty-name", "no name", with("", func(*block) {})),
		bad(RuleName, "dot-file", "a file that is never packed", named(".bashrc")),
		bad(RuleName, "pycache", "compiled Python that nobody reviews", named("lib/__pycache__/x.pyc")),
		bad(RuleName, "newline", "a line break, with which h1 could be forged", named("a\nb")),
		bad(RuleName, "right-to-left", "a character that turns the name around", named("a\u202efdp.exe")),
		bad(RuleName, "not-utf-8", "bytes that are not UTF-8", raw("\xff\xfe")),
		bad(RuleName, "nfd", "decomposed, as old macOS spells it", named("cafe\u0301")),
		bad(RuleName, "device-nul", "a device on Windows", named("lib/nul.txt")),
		bad(RuleName, "device-superscript", "a device on Windows, with a superscript digit", named("com¹")),
		bad(RuleName, "trailing-dot", "a name that Windows shortens", named("scaler.")),
		bad(RuleName, "short-name", "a short name of Windows", named("MANIFE~1.JSO")),
		bad(RuleName, "deep", "33 parts", named(strings.Repeat("a/", 32)+"b")),
		bad(RuleClash, "case", "two names that differ in case", named("Scaler")),
		bad(RuleClash, "case-directory", "two directories that differ in case", named("Lib/a", "lib/b")),
		bad(RuleClash, "case-full", "two names that are one by full case folding", named("STRASSE", "straße")),
		bad(RuleClash, "file-and-directory", "a file where another has a directory", named("scaler/x")),
	}
}

func wholeVectors() []vector {
	s := small()
	promise := func(v vector, bytes int64) vector {
		v.Promised = bytes
		return v
	}
	total := int64(len(s[0].content) + len(s[1].content))
	tarball := spell(s)
	return []vector{
		bad(RuleOrder, "unordered", "names that are not in order", compress(spell([]file{s[1], s[0]}))),
		bad(RuleOrder, "duplicate", "a name twice", compress(spell([]file{s[0], s[1], s[1]}))),
		promise(bad(RuleLimit, "more-than-promised", "one byte more than was promised", compress(tarball)), total-1),
		promise(bad(RuleLimit, "less-than-promised", "one byte less than was promised", compress(tarball)), total+1),
		promise(bad(RuleLimit, "bomb", "8 GiB of zeros, said in a few bytes", rleFrame(entry{name: "a", size: MaxFile}, 64)), total),
		bad(RuleLimit, "large-manifest", "a manifest of more than a mebibyte", compress(spell([]file{{"manifest.json", strings.Repeat(" ", maxManifest+1), false}, s[1]}))),
		bad(RuleEnd, "no-end", "no blocks of zeros", compress(tarball[:len(tarball)-2*blockSize])),
		bad(RuleEnd, "half-end", "one block of zeros", compress(tarball[:len(tarball)-blockSize])),
		bad(RuleEnd, "long-end", "three blocks of zeros", compress(append(slices.Clone(tarball), make([]byte, blockSize)...))),
		bad(RuleEnd, "after-end", "a file after the end", compress(append(slices.Clone(tarball), one(file{name: "z"})...))),
		bad(RuleEnd, "short-content", "a file that ends too early", compress(tarball[:blockSize+10])),
		bad(RuleEnd, "no-tar", "an empty stream", []byte("\x28\xb5\x2f\xfd\x04\x58\x01\x00\x00\x99\xe9\xd8\x51")),
		bad(RuleManifest, "no-files", "only the end", compress(make([]byte, 2*blockSize))),
		bad(RuleManifest, "no-manifest", "no manifest", compress(spell(s[1:]))),
		bad(RuleManifest, "manifest-below", "a manifest that is not at the top", compress(spell([]file{{name: "a/manifest.json", content: s[0].content}, s[1]}))),
		bad(RuleManifest, "manifest-unknown-key", "a manifest with an unknown key", compress(spell([]file{{name: "manifest.json", content: `{"name":"a","grants":[],"x":1}`}, s[1]}))),
		bad(RuleManifest, "manifest-incomplete", "a manifest that was not completed", compress(spell([]file{{name: "manifest.json", content: `{"name":"a","summary":"","licence":"","grants":[]}`}, s[1]}))),
		bad(RuleManifest, "wrong-digest", "another executable than the manifest says", compress(spell([]file{s[0], {"scaler", "#!evil\n", true}}))),
		bad(RuleManifest, "no-executable", "no executable", compress(spell(s[:1]))),
	}
}

func (v vector) String() string { return fmt.Sprintf("%s (%s)", v.File, v.About) }
