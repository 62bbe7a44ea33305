// SPDX-License-Identifier: Apache-2.0

package source

import "bytes"

// signatures are what files of other kinds begin with.
var signatures = []struct{ magic, kind, advice string }{
	{"\xff\xfe\x00\x00", "Text in UTF-32", "Convert it, for example with iconv -f utf-32 -t utf-8."},
	{"\x00\x00\xfe\xff", "Text in UTF-32", "Convert it, for example with iconv -f utf-32 -t utf-8."},
	{"\xff\xfe", "Text in UTF-16", "Convert it, for example with iconv -f utf-16 -t utf-8."},
	{"\xfe\xff", "Text in UTF-16", "Convert it, for example with iconv -f utf-16 -t utf-8."},
	{"PAR1", "A Parquet file", "Name it with parquet = instead."},
	{"ARROW1\x00\x00", "An Arrow file", "Name it with arrow = instead."},
	{"SQLite format 3\x00", "A SQLite database", "Name it with sqlite = instead."},
	{"PK\x03\x04", "A zip archive or a workbook", "Unpack it, or export the sheet as CSV."},
	{"BZh", "A file compressed by bzip2", "Decompress it with bunzip2 first."},
	{"\xfd7zXZ\x00", "A file compressed by xz", "Decompress it with unxz first."},
	{"\x1f\x8b", "A file compressed by gzip", "Leave compression = \"none\" out."},
	{"\x28\xb5\x2f\xfd", "A file compressed by Zstandard", "Leave compression = \"none\" out."},
}

// checkSignature refuses files that are known to be no text.
func checkSignature(path string, start []byte) error {
	for _, s := range signatures {
		if bytes.HasPrefix(start, []byte(s.magic)) {
			return newError(path, s.kind, "The first bytes of the file say so, and it was to be read as text in UTF-8. %s", s.advice)
		}
	}
	return nil
}
