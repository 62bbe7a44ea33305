// SPDX-License-Identifier: Apache-2.0

// Package safetensors reads how large the weights of a model are, without
// reading them: from the header of a safetensors file, and from the index of a
// model that is cut into several files.
//
// A file begins with the length of its header, eight bytes in little endian,
// and the header: a JSON object of tensors with dtype, shape and data_offsets,
// beside an optional "__metadata__". An index (model.safetensors.index.json,
// pytorch_model.bin.index.json) has the size of all tensors in
// metadata.total_size and the file of each tensor in weight_map.
//
// Both readers are for hostile input: the header is bounded by MaxHeader, and
// what does not fit together is an error, never a guess.
//
// Formats: https://huggingface.co/docs/safetensors/index#format and
// https://huggingface.co/docs/huggingface_hub/package_reference/serialization
package safetensors

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
)

// MaxHeader bounds the header that is read, in bytes. Models of a thousand
// tensors have some 100 KiB; the format allows 100 MB.
const MaxHeader = 8 << 20

// Header says what the tensors of one file are.
type Header struct {
	Tensors int
	// Bytes of all tensors, without the header.
	Bytes int64
}

type tensor struct {
	Offsets []int64 `json:"data_offsets"`
}

// ReadHeader reads the header of a file of a size in bytes.
func ReadHeader(r io.Reader, size int64) (Header, error) {
	var prefix [8]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return Header{}, fmt.Errorf("reading the length of the header: %w", err)
	}
	length := binary.LittleEndian.Uint64(prefix[:])
	if length < 2 || length > MaxHeader || size < 8 || length > uint64(size-8) {
		return Header{}, fmt.Errorf("the header is said to have %d bytes, in a file of %d", length, size)
	}
	data := make([]byte, length)
	if _, err := io.ReadFull(r, data); err != nil {
		return Header{}, fmt.Errorf("reading the header: %w", err)
	}
	return parseHeader(data, size-8-int64(length))
}

// parseHeader holds the tensors to the room that the file has for them.
func parseHeader(data []byte, room int64) (Header, error) {
	var tensors map[string]json.RawMessage
	if err := json.Unmarshal(data, &tensors); err != nil {
		return Header{}, fmt.Errorf("reading the header: %w", err)
	}
	var h Header
	for name, raw := range tensors {
		if name == "__metadata__" {
			continue
		}
		var t tensor
		if err := json.Unmarshal(raw, &t); err != nil {
			return Header{}, fmt.Errorf("reading tensor %q: %w", name, err)
		}
		if len(t.Offsets) != 2 || t.Offsets[0] < 0 || t.Offsets[1] < t.Offsets[0] || t.Offsets[1] > room {
			return Header{}, fmt.Errorf("tensor %q lies outside of the file", name)
		}
		h.Tensors++
		h.Bytes = max(h.Bytes, t.Offsets[1]) // tensors lie side by side without holes
	}
	return h, nil
}

// Index says where the tensors of a model are.
type Index struct {
	// Bytes of all tensors; 0 where the index does not tell.
	Bytes int64
	// Files by name, without directories.
	Files []string
}

// maxFiles bounds the files of an index; the largest models have some 200.
const maxFiles = 4096

// ReadIndex reads an index file.
func ReadIndex(data []byte) (Index, error) {
	var doc struct {
		Metadata struct {
			TotalSize json.Number `json:"total_size"`
		} `json:"metadata"`
		Weights map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return Index{}, fmt.Errorf("reading the index: %w", err)
	}
	if len(doc.Weights) == 0 {
		return Index{}, errors.New("the index has no weight_map")
	}
	out := Index{}
	if total, err := doc.Metadata.TotalSize.Float64(); err == nil && total > 0 && total < 1<<60 {
		out.Bytes = int64(total)
	}
	seen := map[string]bool{}
	for _, name := range doc.Weights {
		if path.Base(name) != name || seen[name] { // an index names files beside itself
			continue
		}
		if seen[name] = true; len(seen) > maxFiles {
			return Index{}, fmt.Errorf("the index names more than %d files", maxFiles)
		}
		out.Files = append(out.Files, name)
	}
	return out, nil
}
