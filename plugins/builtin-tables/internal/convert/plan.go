// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// advice says what to do about types that are refused.
var advice = map[arrow.Type]string{
	arrow.DECIMAL32: "cast it to float64, or to a string", arrow.DECIMAL64: "cast it to float64, or to a string",
	arrow.DECIMAL128: "cast it to float64, or to a string", arrow.DECIMAL256: "cast it to float64, or to a string",
	arrow.TIME32: "cast it to an integer, or join it with its date into a timestamp", arrow.TIME64: "cast it to an integer, or join it with its date into a timestamp",
	arrow.DURATION: "cast it to int64", arrow.INTERVAL_MONTHS: "split it into numbers",
	arrow.INTERVAL_DAY_TIME: "split it into numbers", arrow.INTERVAL_MONTH_DAY_NANO: "split it into numbers",
	arrow.STRUCT: "flatten it into columns, for example with pyarrow's Table.flatten", arrow.MAP: "flatten it into columns",
	arrow.SPARSE_UNION: "split it into a column for each type", arrow.DENSE_UNION: "split it into a column for each type",
	arrow.TIMESTAMP: "convert it to UTC, since its time zone is not known here",
	arrow.EXTENSION: "cast it to the type that it is stored in",
}

func refused(t arrow.DataType) error {
	what, ok := advice[t.ID()]
	if !ok {
		what = "cast it to a type of the list"
	}
	return fmt.Errorf("tables hold numbers, bool, utf8, binary, date32, timestamp, dictionaries of text and lists of single values: %s, or leave the column out", what)
}

// plan finds the type of tables and the way to it.
func plan(t arrow.DataType) (arrow.DataType, step, error) {
	switch t := t.(type) {
	case *arrow.LargeStringType, *arrow.StringViewType:
		return arrow.BinaryTypes.String, toText, nil
	case *arrow.StringType:
		return t, checkedText, nil
	case *arrow.LargeBinaryType, *arrow.BinaryViewType, *arrow.FixedSizeBinaryType:
		return arrow.BinaryTypes.Binary, toBinary, nil
	case *arrow.Float16Type:
		return arrow.PrimitiveTypes.Float32, fromFloat16, nil
	case *arrow.Date64Type:
		return arrow.FixedWidthTypes.Date32, fromDate64, nil
	case *arrow.NullType:
		return arrow.PrimitiveTypes.Float64, allNull, nil
	case *arrow.DictionaryType:
		return planDictionary(t)
	case *arrow.ListType:
		return planList(t, t.Elem(), func(e arrow.DataType) arrow.DataType { return arrow.ListOf(e) })
	case *arrow.LargeListType:
		return planList(t, t.Elem(), func(e arrow.DataType) arrow.DataType { return arrow.ListOf(e) })
	case *arrow.FixedSizeListType:
		return planList(t, t.Elem(), func(e arrow.DataType) arrow.DataType { return arrow.FixedSizeListOf(t.Len(), e) })
	case arrow.ExtensionType:
		return nil, nil, refused(t)
	}
	if holds(t) != nil {
		return nil, nil, refused(t)
	}
	return t, same, nil
}

// holds asks the tables themselves.
func holds(t arrow.DataType) error {
	return table.CheckSchema(arrow.NewSchema([]arrow.Field{{Name: "x", Type: t}}, nil))
}

func planDictionary(t *arrow.DictionaryType) (arrow.DataType, step, error) {
	switch t.ValueType.ID() {
	case arrow.STRING, arrow.LARGE_STRING, arrow.STRING_VIEW:
		return dictionaryType, toDictionary, nil
	}
	return nil, nil, fmt.Errorf("tables hold dictionaries of text only: decode it to %s", t.ValueType)
}

func planList(t, elem arrow.DataType, of func(arrow.DataType) arrow.DataType) (arrow.DataType, step, error) {
	to, s, err := plan(elem)
	if err != nil {
		return nil, nil, err
	}
	out := of(to)
	if holds(out) != nil {
		return nil, nil, errors.New("tables hold lists of numbers, bools or text: flatten it, or leave the column out")
	}
	return out, func(a arrow.Array) (arrow.Array, error) { return toList(a, out, s) }, nil
}
