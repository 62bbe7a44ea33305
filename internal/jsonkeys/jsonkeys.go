// SPDX-License-Identifier: Apache-2.0

// Package jsonkeys refuses JSON that two readers would understand in two ways.
//
// RFC 8259 leaves open what a key means that an object has twice, and encoding/json
// takes a key in other letters for the one that it knows, so that
//
//	{"grants": [], "Grants": [{"kind": "read", "path": "/data"}]}
//
// asks for nothing where one program reads it, and for /data where another does.
// What is signed, or consented to, must not depend on the reader.
package jsonkeys

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Check reads JSON values until the end of data. Every key of every object is
// one or more of a-z, 0-9 and _, and no object has one twice.
func Check(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var open []*object
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) && len(open) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		if open, err = follow(open, token); err != nil {
			return err
		}
	}
}

// object is one that is being read; keys is nil for an array.
type object struct {
	keys  map[string]bool
	inner bool // the value of a key comes next
}

// follow takes a token into account.
func follow(open []*object, token json.Token) ([]*object, error) {
	if token == json.Delim('}') || token == json.Delim(']') {
		return open[:len(open)-1], nil
	}
	if n := len(open); n > 0 && open[n-1].keys != nil {
		o := open[n-1]
		if o.inner = !o.inner; o.inner {
			return open, o.add(token)
		}
	}
	switch token {
	case json.Delim('{'):
		return append(open, &object{keys: map[string]bool{}}), nil
	case json.Delim('['):
		return append(open, &object{}), nil
	}
	return open, nil
}

func (o *object) add(token json.Token) error {
	key, _ := token.(string) // the decoder takes nothing else
	if key == "" || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return fmt.Errorf("unknown field %.80q; keys are written in small letters", key)
	}
	if o.keys[key] {
		return fmt.Errorf("the key %q is there twice in one object; keep one", key)
	}
	o.keys[key] = true
	return nil
}
