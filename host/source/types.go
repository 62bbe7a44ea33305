// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// plainTypes are the declared types without parameters.
var plainTypes = []struct {
	name string
	typ  arrow.DataType
}{
	{"int8", arrow.PrimitiveTypes.Int8}, {"int16", arrow.PrimitiveTypes.Int16},
	{"int32", arrow.PrimitiveTypes.Int32}, {"int64", arrow.PrimitiveTypes.Int64},
	{"uint8", arrow.PrimitiveTypes.Uint8}, {"uint16", arrow.PrimitiveTypes.Uint16},
	{"uint32", arrow.PrimitiveTypes.Uint32}, {"uint64", arrow.PrimitiveTypes.Uint64},
	{"float32", arrow.PrimitiveTypes.Float32}, {"float64", arrow.PrimitiveTypes.Float64},
	{"bool", arrow.FixedWidthTypes.Boolean}, {"string", arrow.BinaryTypes.String},
	{"date32", arrow.FixedWidthTypes.Date32}, {"dictionary", dictionaryType},
}

var dictionaryType = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}

var (
	timestampName = pattern.Lazy(`^timestamp(?:\[(s|ms|us|ns)(?:, ?([A-Za-z0-9_+:/-]{1,64}))?\])?$`)
	timeUnits     = map[string]arrow.TimeUnit{"": arrow.Microsecond, "s": arrow.Second, "ms": arrow.Millisecond, "us": arrow.Microsecond, "ns": arrow.Nanosecond}
	zoneOffset    = pattern.Lazy(`^[+-](0\d|1[0-4]):[0-5]\d$`)
)

// ParseType reads the name of a type of a column:
//
//	int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 bool string
//	date32                  2026-11-22
//	timestamp               2026-11-22 08:50:03.25, also with T, without seconds or time
//	timestamp[ms]           s, ms, us or ns; us when nothing is said
//	timestamp[us, UTC]      instants: every value has Z or an offset such as +01:00
//	dictionary              strings of which few differ, each kept once a batch
//
// Values that a type would round, such as microseconds in timestamp[s], do not
// fit it.
func ParseType(name string) (arrow.DataType, error) {
	for _, t := range plainTypes {
		if t.name == name {
			return t.typ, nil
		}
	}
	if m := timestampName().FindStringSubmatch(name); m != nil {
		if err := checkZone(m[2]); err != nil {
			return nil, err
		}
		return &arrow.TimestampType{Unit: timeUnits[m[1]], TimeZone: m[2]}, nil
	}
	return nil, fmt.Errorf("%q is no type of a column; use %s or timestamp[UNIT, ZONE]", name, strings.Join(TypeNames(), ", "))
}

// checkZone refuses names that are no time zones. A zone of the region kind is
// only looked up where the system has a table of them.
func checkZone(zone string) error {
	if zone == "" || zone == "UTC" || zoneOffset().MatchString(zone) {
		return nil
	}
	if _, err := time.LoadLocation("Europe/Berlin"); err != nil {
		return nil
	}
	if _, err := time.LoadLocation(zone); err != nil {
		return fmt.Errorf("%q is no time zone; use UTC, a name such as Europe/Berlin, or an offset such as +01:00", zone)
	}
	return nil
}

// TypeNames lists what ParseType takes, without units and zones of timestamps.
func TypeNames() []string {
	var names []string
	for _, t := range plainTypes {
		names = append(names, t.name)
	}
	return append(names, "timestamp")
}

// typeName is the reverse of ParseType, and Arrow's name for other types.
func typeName(t arrow.DataType) string {
	for _, p := range plainTypes {
		if arrow.TypeEqual(p.typ, t) {
			return p.name
		}
	}
	ts, ok := t.(*arrow.TimestampType)
	switch {
	case !ok:
		return t.String()
	case ts.TimeZone == "" && ts.Unit == arrow.Microsecond:
		return "timestamp"
	case ts.TimeZone == "":
		return "timestamp[" + ts.Unit.String() + "]"
	}
	return "timestamp[" + ts.Unit.String() + ", " + ts.TimeZone + "]"
}
