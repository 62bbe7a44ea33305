// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"
	"reflect"
	"slices"
	"unicode/utf8"
)

const (
	// maxData bounds the data of a record; the rest of the line fits beside it.
	maxData = maxLine - 8<<10
	// maxName bounds each of plugin, run, version, user and kind, in bytes.
	maxName = 200
)

// bounds of one string in bytes, and of one list or map in items.
type bounds struct{ bytes, items int }

// encode turns an event into the data of a record, cut until it fits.
func encode(e Event) ([]byte, error) {
	for b := (bounds{bytes: 4096, items: 256}); ; b = (bounds{bytes: max(b.bytes/2, 16), items: max(b.items/2, 1)}) {
		data, err := canonical(b.event(e))
		if err != nil {
			return nil, fmt.Errorf("a record of kind %s cannot be encoded: %w", e.Kind(), err)
		}
		if len(data) <= maxData {
			return data, nil
		}
		if b.items == 1 {
			return nil, fmt.Errorf("a record of kind %s cannot be cut to %d bytes", e.Kind(), maxData)
		}
	}
}

// event returns a copy of a struct whose strings, lists and maps are cut, with
// no list or map nil.
func (b bounds) event(e Event) any {
	from := reflect.Indirect(reflect.ValueOf(e))
	if from.Kind() != reflect.Struct {
		return e
	}
	to := reflect.New(from.Type()).Elem()
	to.Set(from)
	for i := range to.NumField() {
		if field := to.Field(i); field.CanSet() {
			b.field(field)
		}
	}
	return to.Interface()
}

func (b bounds) field(v reflect.Value) {
	switch value := v.Interface().(type) {
	case string:
		v.SetString(cutString(value, b.bytes))
	case []string:
		v.Set(reflect.ValueOf(b.list(value)))
	case map[string]uint64:
		v.Set(reflect.ValueOf(b.limits(value)))
	}
}

func (b bounds) list(in []string) []string {
	out := make([]string, 0, min(len(in), b.items)+1)
	for _, s := range in[:min(len(in), b.items)] {
		out = append(out, cutString(s, b.bytes))
	}
	if more := len(in) - b.items; more > 0 {
		out = append(out, fmt.Sprintf("... and %d more, cut", more))
	}
	return out
}

// limits keeps the first names in order; "... cut" counts the others.
func (b bounds) limits(in map[string]uint64) map[string]uint64 {
	names := make([]string, 0, len(in))
	for name := range in {
		names = append(names, name)
	}
	slices.Sort(names)
	out := make(map[string]uint64, min(len(in), b.items)+1)
	for _, name := range names[:min(len(names), b.items)] {
		out[cutString(name, b.bytes)] = in[name]
	}
	if more := len(names) - b.items; more > 0 {
		out["... cut"] = uint64(more)
	}
	return out
}

// cutString keeps about limit bytes of whole characters and says what is gone.
func cutString(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	at := limit
	for at > limit-utf8.UTFMax && !utf8.RuneStart(s[at]) {
		at--
	}
	return fmt.Sprintf("%s... (%d bytes cut)", s[:at], len(s)-at)
}

// named returns the host with its names cut.
func (h Host) named() Host {
	h.Run, h.Version, h.User = cutString(h.Run, maxName), cutString(h.Version, maxName), cutString(h.User, maxName)
	return h
}
