// SPDX-License-Identifier: Apache-2.0

package translog

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint is a signed statement of what a log holds.
type Checkpoint struct {
	Size int64     // records
	Root tlog.Hash // of the tree of those records
	Note []byte    // the signed note that says so
}

func (c Checkpoint) tree() tlog.Tree { return tlog.Tree{N: c.Size, Hash: c.Root} }

// same reports whether two checkpoints speak of one tree.
func (c Checkpoint) same(o Checkpoint) bool { return c.tree() == o.tree() }

// ParseCheckpoint reads a checkpoint and checks that the log's key signed it.
func ParseCheckpoint(data []byte, key note.Verifier) (Checkpoint, error) {
	if len(data) > MaxCheckpoint {
		return Checkpoint{}, fmt.Errorf("the checkpoint has %d bytes; at most %d are allowed", len(data), MaxCheckpoint)
	}
	n, err := note.Open(data, note.VerifierList(key))
	if err != nil {
		return Checkpoint{}, unsigned(err, key)
	}
	tree, err := parseText(n.Text, key.Name())
	if err != nil {
		return Checkpoint{}, err
	}
	return Checkpoint{Size: tree.N, Root: tree.Hash, Note: data}, nil
}

func unsigned(err error, key note.Verifier) error {
	if _, ok := errors.AsType[*note.UnverifiedNoteError](err); ok {
		return fmt.Errorf("the checkpoint has no signature of the log's key %s+%08x", key.Name(), key.KeyHash())
	}
	return fmt.Errorf("the checkpoint is no note signed by %s: %w", key.Name(), err)
}

func parseText(text, origin string) (tlog.Tree, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return tlog.Tree{}, errors.New("the checkpoint's text must be three lines: name, size and hash")
	}
	if lines[0] != origin {
		return tlog.Tree{}, fmt.Errorf("the checkpoint is that of the log %q and not of %q", lines[0], origin)
	}
	size, err := parseNumber(lines[1], MaxRecords)
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("the checkpoint's size: %w", err)
	}
	hash, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(hash) != tlog.HashSize {
		return tlog.Tree{}, fmt.Errorf("the checkpoint's hash %q is not the base64 of 32 bytes", lines[2])
	}
	return tlog.Tree{N: size, Hash: tlog.Hash(hash)}, nil
}

// sign makes the checkpoint of a tree.
func sign(tree tlog.Tree, signer note.Signer) (Checkpoint, error) {
	text := fmt.Sprintf("%s\n%d\n%s\n", signer.Name(), tree.N, tree.Hash)
	data, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("the checkpoint cannot be signed: %w", err)
	}
	return Checkpoint{Size: tree.N, Root: tree.Hash, Note: data}, nil
}

// parseNumber reads a decimal number from 0 to limit in its one spelling.
func parseNumber(s string, limit int64) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		return 0, fmt.Errorf("%.32q is not a number in plain decimal", s)
	}
	if n > limit {
		return 0, fmt.Errorf("%d is more than %d", n, limit)
	}
	return n, nil
}

// parseLookup reads the index in a lookup.
func parseLookup(data []byte) (int64, error) {
	text, ok := strings.CutSuffix(string(data), "\n")
	if !ok || len(data) > maxLookup {
		return 0, errors.New("a lookup must be one line with a number")
	}
	return parseNumber(text, MaxRecords-1)
}
