// SPDX-License-Identifier: Apache-2.0

// Package archive packs a plugin's directory into one file and unpacks such
// files from strangers.
//
// An archive is a tar stream in a Zstandard frame, PLATFORM.tar.zst. It has one
// spelling: the same files give the same bytes whoever packs them, and every
// reader of tar understands an archive in the same way, since whatever is not
// spelled as below is refused.
//
// # Files
//
// An archive holds regular files and nothing else: no directories (those that the
// names need are implied), no links, no devices. One of the files is
// manifest.json at the top. It is complete, which means that it has name, version,
// protocols, executable and digest; the executable is a file at the top, and the
// digest is its SHA-256.
//
// There are at most [MaxFiles] files of at most [MaxFile] bytes, together
// [MaxUnpacked], and the manifest has at most 1 MiB.
//
// # Names
//
// A name is relative, in UTF-8 and in Unicode normalisation form C, with slashes
// between its parts. It has at most [MaxName] bytes, and fits into the name (100
// bytes) and prefix (155 bytes) of a ustar header. Refused are
//
//   - empty parts, "." and "..", a slash at either end, more than 32 parts;
//   - parts that begin with a dot or are __pycache__, which packing leaves out;
//   - what is not graphic (control, formatting and unassigned characters, spaces
//     other than U+0020), and the characters \ : * ? " < > |
//   - parts that begin or end with a space or end with a dot;
//   - names of devices on Windows (CON, PRN, AUX, NUL, CONIN$, CONOUT$, COM0 to
//     COM9, LPT0 to LPT9, also with superscript digits and with any extension) and
//     parts that look like its short names (a tilde and digits before the extension);
//   - two names, of files or of the directories that they imply, that differ only
//     in the case of letters or in their normalisation, and a file where another
//     name has a directory.
//
// # Tar
//
// Files come in the order of their names' bytes, each name once. Each has one
// header of 512 bytes, its content, and zeros up to a multiple of 512. After the
// last one come two blocks of zeros and nothing more. A header is POSIX ustar:
//
//	name, prefix  the name; one longer than 100 bytes is split at the last slash
//	              among its first 156 bytes
//	mode          0000755 for the manifest's executable and for files that their
//	              owner may execute, 0000644 for all others
//	size          eleven octal digits
//	uid, gid, mtime, devmajor, devminor  zero, in octal digits
//	typeflag      0
//	magic, version  ustar, 00
//	linkname, uname, gname  empty
//
// Numbers end with a NUL, the checksum with a NUL and a space, and unused bytes
// are NUL. PAX records, GNU extensions (long names, sparse files, numbers in base
// 256) and old tar formats have another header and so are refused.
//
// # Zstandard
//
// The archive is exactly one frame (RFC 8878) with a content checksum, without a
// dictionary, with a window (or, in a single segment, a content) of at most 8 MiB.
// Skippable frames, further frames and bytes after the frame are refused.
//
// # What is left out
//
// Pack leaves out names that begin with a dot and directories named __pycache__,
// wherever they are, and says so in [Packed]. All else is packed or refused; empty
// directories leave no trace.
//
// # Digest
//
// The digest h1 of a plugin is that of golang.org/x/mod/sumdb/dirhash.Hash1 over
// the names above. It does not depend on the compressor, and [HashDir] finds it
// again from the unpacked files.
//
// # What this package does not do
//
// It checks no signature, and does not know which h1 or which size a registry
// promised, other than by [Limits]; package install compares those.
package archive
