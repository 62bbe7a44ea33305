// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// storage is what a value is in SQLite; a set of them is what a column holds.
type storage uint8

const (
	storedInt storage = 1 << iota
	storedReal
	storedText
	storedBlob
	storedDate
	storedTime
)

// sqliteColumn is a column of a query.
type sqliteColumn struct {
	name  string
	typ   arrow.DataType // nil until it is known
	dates bool           // declared as DATE: its times have no time of day
	seen  storage
	nanos bool // some time is finer than a microsecond
}

// newSQLiteColumn goes by the declared type, by the rules of SQLite's
// affinities. Where the rules say NUMERIC, which holds anything, the values
// decide.
func newSQLiteColumn(name, declared string) *sqliteColumn {
	c := &sqliteColumn{name: name}
	d := strings.ToUpper(declared)
	switch {
	case d == "DATE":
		c.dates = true
	case d == "DATETIME" || d == "TIMESTAMP":
	case strings.HasPrefix(d, "BOOL"):
		c.typ = arrow.FixedWidthTypes.Boolean
	case strings.Contains(d, "INT"):
		c.typ = arrow.PrimitiveTypes.Int64
	case strings.Contains(d, "CHAR") || strings.Contains(d, "CLOB") || strings.Contains(d, "TEXT"):
		c.typ = arrow.BinaryTypes.String
	case strings.Contains(d, "BLOB"):
		c.typ = arrow.BinaryTypes.Binary
	case strings.Contains(d, "REAL") || strings.Contains(d, "FLOA") || strings.Contains(d, "DOUB"): //nolint:misspell // as SQLite has it
		c.typ = arrow.PrimitiveTypes.Float64
	}
	return c
}

// isOpen reports whether more values may say more about the type.
func (c *sqliteColumn) isOpen() bool { return c.typ == nil }

// look notes a value of the sample.
func (c *sqliteColumn) look(v any) {
	switch v := v.(type) {
	case int64:
		c.seen |= storedInt
	case float64:
		c.seen |= storedReal
	case string:
		c.seen |= storedText
	case []byte:
		c.seen |= storedBlob
	case time.Time:
		c.seen |= c.moment(v)
		c.nanos = c.nanos || v.Nanosecond()%1000 != 0
	}
}

func (c *sqliteColumn) moment(t time.Time) storage {
	if c.dates && t.Equal(t.Truncate(24*time.Hour)) {
		return storedDate
	}
	return storedTime
}

// settle gives an open column the type of what was seen. Texts stand for
// anything: dates that SQLite's driver cannot read are among them.
func (c *sqliteColumn) settle() {
	if c.typ != nil {
		return
	}
	switch c.seen {
	case storedInt:
		c.typ = arrow.PrimitiveTypes.Int64
	case 0, storedReal, storedInt | storedReal:
		c.typ = arrow.PrimitiveTypes.Float64
	case storedBlob:
		c.typ = arrow.BinaryTypes.Binary
	case storedDate:
		c.typ = arrow.FixedWidthTypes.Date32
	case storedTime, storedDate | storedTime:
		c.typ = &arrow.TimestampType{Unit: arrow.Microsecond}
		if c.nanos {
			c.typ = &arrow.TimestampType{Unit: arrow.Nanosecond}
		}
	default:
		c.typ = arrow.BinaryTypes.String
	}
}

func schemaOf(columns []*sqliteColumn) *arrow.Schema {
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = arrow.Field{Name: c.name, Type: c.typ, Nullable: true}
	}
	return arrow.NewSchema(fields, nil)
}

// put appends a value and returns how many bytes it takes, about.
func (c *sqliteColumn) put(to array.Builder, v any) (int, error) {
	if v == nil {
		to.AppendNull()
		return 8, nil
	}
	switch b := to.(type) {
	case *array.Int64Builder:
		n, ok := v.(int64)
		b.Append(n)
		return 8, mismatch(ok, v, "INTEGER")
	case *array.Float64Builder:
		return 8, putReal(b, v)
	case *array.BooleanBuilder:
		n, ok := v.(int64)
		b.Append(n == 1)
		return 1, mismatch(ok && (n == 0 || n == 1), v, "BOOLEAN, which is 0 or 1")
	case *array.StringBuilder:
		return putText(b, v)
	case *array.BinaryBuilder:
		d, ok := v.([]byte)
		b.Append(d)
		return 8 + len(d), mismatch(ok, v, "BLOB")
	case *array.Date32Builder:
		t, ok := v.(time.Time)
		b.Append(arrow.Date32FromTime(t))
		return 4, mismatch(ok && c.moment(t) == storedDate, v, "DATE")
	case *array.TimestampBuilder:
		return 8, putTime(b, v)
	}
	return 0, fmt.Errorf("a builder of type %s", to.Type())
}

func mismatch(ok bool, v any, want string) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%s is no %s", show(v), want)
}

// show is a value in a message, short and without control characters.
func show(v any) string {
	text := fmt.Sprint(v)
	if b, ok := v.([]byte); ok {
		return fmt.Sprintf("a blob of %d bytes", len(b))
	}
	if len(text) > 60 {
		text = strings.ToValidUTF8(text[:60], "") + "..."
	}
	return fmt.Sprintf("%q", text)
}

// maxExact is the largest integer up to which a float64 holds every one.
const maxExact = 1 << 53

func putReal(b *array.Float64Builder, v any) error {
	switch v := v.(type) {
	case float64:
		b.Append(v)
		return nil
	case int64:
		if v >= -maxExact && v <= maxExact {
			b.Append(float64(v))
			return nil
		}
		return fmt.Errorf("%d has more digits than a REAL holds", v)
	}
	return mismatch(false, v, "REAL")
}

// errNotText means that a text has other bytes than those of UTF-8.
var errNotText = errors.New("the text is not UTF-8")

// putText takes numbers and times as text, too, when a column has several kinds.
func putText(b *array.StringBuilder, v any) (int, error) {
	var text string
	switch v := v.(type) {
	case string:
		text = v
	case int64, float64:
		text = fmt.Sprint(v)
	case time.Time:
		text = v.Format(time.RFC3339Nano)
	default:
		return 0, mismatch(false, v, "TEXT")
	}
	if !utf8.ValidString(text) {
		return 0, errNotText
	}
	b.Append(text)
	return 8 + len(text), nil
}

// putTime takes a time as an instant in UTC: SQLite has no zones.
func putTime(b *array.TimestampBuilder, v any) error {
	t, ok := v.(time.Time)
	if !ok {
		return mismatch(false, v, "TIMESTAMP")
	}
	if b.Type().(*arrow.TimestampType).Unit == arrow.Microsecond {
		b.Append(arrow.Timestamp(t.UnixMicro()))
		return mismatch(t.Nanosecond()%1000 == 0, v, "TIMESTAMP in microseconds, which all of the first rows are")
	}
	b.Append(arrow.Timestamp(t.UnixNano()))
	return mismatch(time.Unix(0, t.UnixNano()).Equal(t), v, "TIMESTAMP in nanoseconds, which reach from 1678 to 2262")
}
