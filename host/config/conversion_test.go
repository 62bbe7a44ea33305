// SPDX-License-Identifier: Apache-2.0

package config

import (
	"testing"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// TestQuickConversions compares with the conversions of the language.
func TestQuickConversions(t *testing.T) {
	a, one := cty.StringVal("a"), cty.NumberIntVal(1)
	values := []cty.Value{
		cty.TupleVal([]cty.Value{a, a, cty.StringVal("b")}), cty.TupleVal([]cty.Value{a, one}), cty.EmptyTupleVal,
		cty.TupleVal([]cty.Value{one, one}), cty.TupleVal([]cty.Value{a, cty.NullVal(cty.String)}), cty.TupleVal([]cty.Value{a, cty.UnknownVal(cty.String)}),
		cty.TupleVal([]cty.Value{a, a.Mark(sensitiveMark)}), cty.TupleVal([]cty.Value{a}).Mark(sensitiveMark),
		cty.TupleVal([]cty.Value{cty.EmptyTupleVal, cty.TupleVal([]cty.Value{a})}), cty.ListVal([]cty.Value{a}), cty.SetVal([]cty.Value{a}),
		cty.NullVal(cty.DynamicPseudoType), cty.DynamicVal, cty.UnknownVal(cty.List(cty.String)), a, cty.EmptyObjectVal,
		cty.NullVal(cty.Tuple([]cty.Type{cty.String})), cty.UnknownVal(cty.Tuple([]cty.Type{cty.String, cty.String})),
	}
	conversions := map[string]function.Function{
		"tolist": stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)), "toset": stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)),
	}
	for name, slow := range conversions {
		for _, v := range values {
			want, wantErr := slow.Call([]cty.Value{v})
			got, err := functions[name].Call([]cty.Value{v})
			if (err == nil) != (wantErr == nil) || err == nil && !got.RawEquals(want) {
				t.Errorf("%s(%#v) = %#v, %v; want %#v, %v", name, v, got, err, want, wantErr)
			}
		}
	}
}
