// SPDX-License-Identifier: Apache-2.0

package table

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// form is how the values of a type lie in memory.
type form uint8

const (
	formFixed form = iota + 1 // a number of some bytes for each row
	formBits                  // a bit for each row
	formText                  // offsets into UTF-8
	formBytes                 // offsets into bytes
	formKeys                  // int32 keys into a dictionary of texts
	formList                  // offsets into values
	formArray                 // the same number of values for each row
)

// leaf is a type without children.
type leaf struct {
	typ   arrow.DataType
	form  form
	width int // bytes of a number in values; 1 for bits and text
}

// node is the type of a column.
type node struct {
	leaf
	child leaf // of a dictionary or a list; its form is 0 elsewhere
	size  int  // values a row of a fixed-size list
}

func (n *node) nested() bool { return n.child.form != 0 }

// nodes is the number of nodes that a column of the type has.
func (n *node) nodes() int {
	if n.nested() {
		return 2
	}
	return 1
}

// typeError is a type that tables do not have.
func typeError(t arrow.DataType) error {
	return fmt.Errorf("has type %.200v; tables hold numbers, bool, utf8, binary, date32, timestamp, dictionary<int32, utf8>, and lists of numbers, bool or utf8", t)
}

// nodeOf describes a type, or says why tables do not have it: an error to go
// after the name of the column.
func nodeOf(t arrow.DataType) (node, error) {
	if l, ok := leafOf(t); ok {
		return node{leaf: l}, checkZone(t)
	}
	switch t := t.(type) {
	case *arrow.DictionaryType:
		if t.IndexType.ID() == arrow.INT32 && t.ValueType.ID() == arrow.STRING {
			return node{leaf: leaf{t, formKeys, 4}, child: leaf{t.ValueType, formText, 1}}, nil
		}
	case *arrow.ListType:
		if child, ok := itemOf(t.Elem()); ok {
			return node{leaf: leaf{t, formList, 1}, child: child}, nil
		}
	case *arrow.FixedSizeListType:
		child, ok := itemOf(t.Elem())
		if n := t.Len(); ok && (n < 1 || n > MaxListSize) {
			return node{}, fmt.Errorf("has type %v; lists of 1 to %d values travel", t, MaxListSize)
		}
		if ok {
			return node{leaf: leaf{t, formArray, 1}, child: child, size: int(t.Len())}, nil
		}
	}
	return node{}, typeError(t)
}

func leafOf(t arrow.DataType) (leaf, bool) {
	switch t.ID() {
	case arrow.INT8, arrow.UINT8:
		return leaf{t, formFixed, 1}, true
	case arrow.INT16, arrow.UINT16:
		return leaf{t, formFixed, 2}, true
	case arrow.INT32, arrow.UINT32, arrow.FLOAT32, arrow.DATE32:
		return leaf{t, formFixed, 4}, true
	case arrow.INT64, arrow.UINT64, arrow.FLOAT64, arrow.TIMESTAMP:
		return leaf{t, formFixed, 8}, true
	case arrow.BOOL:
		return leaf{t, formBits, 1}, true
	case arrow.STRING:
		return leaf{t, formText, 1}, true
	case arrow.BINARY:
		return leaf{t, formBytes, 1}, true
	}
	return leaf{}, false
}

// itemOf describes the values of a list: numbers, bool and utf8.
func itemOf(t arrow.DataType) (leaf, bool) {
	l, ok := leafOf(t)
	if !ok || l.form == formBytes || t.ID() == arrow.DATE32 || t.ID() == arrow.TIMESTAMP {
		return leaf{}, false
	}
	return l, true
}

// like reports whether columns of two types have the same buffers with the same
// meaning.
func (n *node) like(m *node) bool {
	if n.typ.ID() != m.typ.ID() || n.size != m.size || n.nested() != m.nested() {
		return false
	}
	if n.nested() && n.child.typ.ID() != m.child.typ.ID() {
		return false
	}
	a, ok := n.typ.(*arrow.TimestampType)
	if !ok {
		return true
	}
	b := m.typ.(*arrow.TimestampType)
	return a.Unit == b.Unit && a.TimeZone == b.TimeZone
}

// checkZone refuses a timestamp that this machine cannot print.
func checkZone(t arrow.DataType) error {
	ts, ok := t.(*arrow.TimestampType)
	if !ok {
		return nil
	}
	if ts.Unit < arrow.Second || ts.Unit > arrow.Nanosecond {
		return fmt.Errorf("is a timestamp in unit %d, which there is not", int(ts.Unit))
	}
	if !knownZone(ts.TimeZone) {
		return fmt.Errorf("has the time zone %s, which this machine does not know; install the time zone database, or name an offset such as +02:00", quote(ts.TimeZone))
	}
	return nil
}

// knownZone leaves the look-up to Arrow, which looks again when it prints: a
// name is good when that will not fail.
func knownZone(name string) bool {
	if name == "" || name == "UTC" {
		return true
	}
	if len(name) > maxZone || strings.EqualFold(name, "local") {
		return false
	}
	return zones.known(name)
}
