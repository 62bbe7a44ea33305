// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// collectionFunctions are for conditions over many facts. What each may give is
// bounded by its arguments as costs says.
var collectionFunctions = map[string]function.Function{
	"abs":             stdlib.AbsoluteFunc,
	"ceil":            stdlib.CeilFunc,
	"chomp":           stdlib.ChompFunc,
	"compact":         stdlib.CompactFunc,
	"distinct":        distinctFunc,
	"element":         stdlib.ElementFunc,
	"flatten":         stdlib.FlattenFunc,
	"floor":           stdlib.FloorFunc,
	"format":          formatFunc,
	"join":            stdlib.JoinFunc,
	"lookup":          stdlib.LookupFunc,
	"merge":           stdlib.MergeFunc,
	"one":             oneFunc,
	"regexall":        stdlib.RegexAllFunc,
	"reverse":         stdlib.ReverseListFunc,
	"setintersection": stdlib.SetIntersectionFunc,
	"setsubtract":     stdlib.SetSubtractFunc,
	"setunion":        stdlib.SetUnionFunc,
	"slice":           stdlib.SliceFunc,
	"sort":            stdlib.SortFunc,
	"split":           stdlib.SplitFunc,
	"strcontains":     predicate("text", "part", func(s, part string) (bool, error) { return strings.Contains(s, part), nil }),
	"substr":          stdlib.SubstrFunc,
	"sum":             sumFunc,
	"tobool":          stdlib.MakeToFunc(cty.Bool),
	"tolist":          quickTo(stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType))),
	"tomap":           stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)),
	"toset":           quickTo(stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType))),
	"trimprefix":      stdlib.TrimPrefixFunc,
	"trimsuffix":      stdlib.TrimSuffixFunc,
}

func init() { maps.Copy(functions, collectionFunctions) }

// quickTo makes a conversion to a list or a set linear for a tuple whose elements
// are all of one plain type: the conversion itself compares every type with every
// other one, which takes a second for the ten thousand keys of a for_each.
func quickTo(convert function.Function) function.Function {
	param := convert.Params()[0]
	param.AllowNull, param.AllowMarked, param.AllowDynamicType = true, true, true
	return function.New(&function.Spec{
		Params: []function.Parameter{param},
		Type: func(args []cty.Value) (cty.Type, error) {
			return convert.ReturnTypeForValues([]cty.Value{uniform(args[0])})
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return convert.Call([]cty.Value{uniform(args[0])})
		},
	})
}

// uniform is a list of the elements of a tuple that are of one plain type, and
// any other value as it is.
func uniform(v cty.Value) cty.Value {
	plain, marks := v.Unmark()
	if !plain.Type().IsTupleType() || plain.IsNull() || !plain.IsKnown() || plain.LengthInt() == 0 {
		return v
	}
	types := plain.Type().TupleElementTypes()
	if !types[0].IsPrimitiveType() || slices.ContainsFunc(types, func(t cty.Type) bool { return t != types[0] }) {
		return v
	}
	return cty.ListVal(plain.AsValueSlice()).WithMarks(marks)
}

// sumFunc adds the numbers of a list, a set or a tuple; the sum of none is 0.
var sumFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "numbers", Type: cty.DynamicPseudoType}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		elements, err := elementsOf(args[0])
		if err != nil {
			return cty.UnknownVal(cty.Number), err
		}
		total := new(big.Float).SetPrec(512)
		for i, v := range elements {
			if v.Type() != cty.Number || v.IsNull() {
				return cty.UnknownVal(cty.Number), function.NewArgErrorf(0, "element %d is not a number", i)
			}
			if v.AsBigFloat().IsInf() {
				return cty.UnknownVal(cty.Number), function.NewArgErrorf(0, "element %d is infinite", i)
			}
			total.Add(total, v.AsBigFloat())
		}
		return cty.NumberVal(total), nil
	},
})

// elementsOf are the elements of a list, a set or a tuple.
func elementsOf(v cty.Value) ([]cty.Value, error) {
	ty := v.Type()
	if v.IsNull() || !ty.IsListType() && !ty.IsSetType() && !ty.IsTupleType() {
		return nil, function.NewArgErrorf(0, "a list is needed, not a %s; [for k, v in X : v.FIELD] makes one of an object", ty.FriendlyName())
	}
	return v.AsValueSlice(), nil
}

// oneFunc is the element of a list that has one, and null of a list that has
// none. More are an error.
var oneFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
	Type: func(args []cty.Value) (cty.Type, error) {
		elements, err := elementsOf(args[0])
		switch {
		case err != nil:
			return cty.NilType, err
		case len(elements) > 1:
			return cty.NilType, function.NewArgErrorf(0, "the list has %d elements, and none or one was expected", len(elements))
		case len(elements) == 0:
			return cty.DynamicPseudoType, nil
		}
		return elements[0].Type(), nil
	},
	Impl: func(args []cty.Value, ty cty.Type) (cty.Value, error) {
		for _, v := range args[0].AsValueSlice() {
			return v, nil
		}
		return cty.NullVal(ty), nil
	},
})

// distinctFunc drops repeated elements and keeps the order. Unlike stdlib's it
// takes time in proportion to the length.
var distinctFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
	Type: func(args []cty.Value) (cty.Type, error) {
		kept, err := distinct(args[0])
		if err != nil || args[0].Type().IsListType() {
			return args[0].Type(), err
		}
		return cty.TupleVal(kept).Type(), nil
	},
	Impl: func(args []cty.Value, ty cty.Type) (cty.Value, error) {
		kept, err := distinct(args[0])
		switch {
		case err != nil:
			return cty.DynamicVal, err
		case ty.IsListType() && len(kept) == 0:
			return cty.ListValEmpty(ty.ElementType()), nil
		case ty.IsListType():
			return cty.ListVal(kept), nil
		}
		return cty.TupleVal(kept), nil
	},
})

func distinct(list cty.Value) ([]cty.Value, error) {
	elements, err := elementsOf(list)
	if err != nil {
		return nil, err
	}
	seen := map[int][]cty.Value{}
	var out []cty.Value
	for _, v := range elements {
		hash := v.Hash()
		if !slices.ContainsFunc(seen[hash], v.RawEquals) {
			seen[hash] = append(seen[hash], v)
			out = append(out, v)
		}
	}
	return out, nil
}

// maxFormatWidth bounds the widths and precisions of format: a few digits could
// otherwise ask for gigabytes of spaces.
const maxFormatWidth = 200

var formatWidth = pattern.Lazy(`%%|%[^%a-zA-Z]*?(\d+)?(?:\.(\d+))?[a-zA-Z]`)

// formatFunc is stdlib's format with bounded widths.
var formatFunc = function.New(&function.Spec{
	Params:   []function.Parameter{{Name: "format", Type: cty.String}},
	VarParam: &function.Parameter{Name: "args", Type: cty.DynamicPseudoType, AllowNull: true},
	Type:     function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		for _, m := range formatWidth().FindAllStringSubmatch(args[0].AsString(), -1) {
			for _, width := range m[1:] {
				if n, err := strconv.Atoi(width); width != "" && (err != nil || n > maxFormatWidth) {
					return cty.UnknownVal(cty.String), function.NewArgError(0, fmt.Errorf("the width in %q is above %d", shorten(m[0]), maxFormatWidth))
				}
			}
		}
		return stdlib.FormatFunc.Call(args)
	},
})
