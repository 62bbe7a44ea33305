// SPDX-License-Identifier: Apache-2.0

package machinetree

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
)

// machineFile is the name of a recorded machine's description in its tree: see
// host/target.
const machineFile = "bulkhead-machine.json"

// describeMore merges what an archive says about its machine.
func (b *builder) describeMore(files map[string]Section) (err error) {
	if s, ok := files["machine.json"]; ok {
		more, lineNumber, err := decodeObject(s)
		if err != nil {
			return &Error{Line: lineNumber, Err: err}
		}
		merge(b.description, more)
	}
	if s, ok := files["kernel_log"]; ok {
		b.description["kernel_log"] = string(s.Data)
	}
	arch, _ := b.description["arch"].(string)
	b.machine, err = elfMachine(arch)
	return err
}

// LineOf is the line of the archive that an error of encoding/json is about: where
// it says so itself, else at the offset, in bytes, that the decoder had reached.
func (s Section) LineOf(err error, offset int64) int {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
	case errors.Is(err, io.ErrUnexpectedEOF):
		offset = int64(len(bytes.TrimRight(s.Data, " \t\r\n")))
	}
	offset = min(max(offset, 0), int64(len(s.Data)))
	return s.Line + bytes.Count(s.Data[:offset], []byte("\n"))
}

// decodeObject reads one JSON object and names the line of a mistake.
func decodeObject(s Section) (map[string]any, int, error) {
	dec := json.NewDecoder(bytes.NewReader(s.Data))
	dec.UseNumber()
	var out map[string]any
	err := dec.Decode(&out)
	if err != nil {
		return nil, s.LineOf(err, dec.InputOffset()), fmt.Errorf("machine.json: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) || out == nil {
		return nil, s.LineOf(err, dec.InputOffset()), errors.New("machine.json: not one JSON object")
	}
	return out, 0, nil
}

// merge puts objects together, one level deep, and replaces other values.
func merge(into, more map[string]any) {
	for key, value := range more {
		old, ok1 := into[key].(map[string]any)
		fresh, ok2 := value.(map[string]any)
		if ok1 && ok2 {
			old = maps.Clone(old)
			maps.Copy(old, fresh)
			into[key] = old
			continue
		}
		into[key] = value
	}
}

// describe writes the description into the tree. A file system of null is one
// that a part told of and this machine lacks; so is a variable of null.
func (b *builder) describe() error {
	for _, key := range []string{"env", "filesystems", "facts"} {
		if object, ok := b.description[key].(map[string]any); ok {
			maps.DeleteFunc(object, func(_ string, v any) bool { return v == nil })
		}
	}
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(b.description); err != nil {
		return err
	}
	return b.tree.text(machineFile, out.String())
}
