// SPDX-License-Identifier: Apache-2.0

package config

import (
	"math/big"
	"testing"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// sameJSON compares with cty's own encoder, by which digests were made.
func sameJSON(t *testing.T, v cty.Value) {
	t.Helper()
	want, wantErr := ctyjson.Marshal(v, v.Type())
	got, err := appendJSON(nil, v)
	if (err == nil) != (wantErr == nil) || string(got) != string(want) {
		t.Errorf("%#v becomes %s (%v), want %s (%v)", v, got, err, want, wantErr)
	}
}

func TestSettingsJSON(t *testing.T) {
	values := []cty.Value{
		cty.NullVal(cty.String), cty.True, cty.StringVal("a<b>\u2028\n\"é"), cty.StringVal(""),
		cty.NumberIntVal(0), cty.NumberIntVal(-7), cty.NumberIntVal(1 << 62), cty.NumberUIntVal(1<<64 - 1), cty.NumberFloatVal(0.1),
		cty.MustParseNumberVal("0.7"), cty.MustParseNumberVal("1e300"), cty.MustParseNumberVal("-1.5e-300"), cty.MustParseNumberVal("1e-400"),
		cty.MustParseNumberVal("0.1000000000000000055511151231257827"), cty.MustParseNumberVal("123456789012345678901234567890"),
		cty.NumberVal(new(big.Float).Quo(big.NewFloat(1), big.NewFloat(3))), cty.NumberVal(new(big.Float).Neg(new(big.Float))),
		cty.PositiveInfinity, cty.UnknownVal(cty.String),
		cty.ListValEmpty(cty.String), cty.EmptyTupleVal, cty.EmptyObjectVal, cty.MapValEmpty(cty.Bool),
		cty.SetVal([]cty.Value{cty.StringVal("b"), cty.StringVal("a")}),
		cty.ObjectVal(map[string]cty.Value{
			"z": cty.TupleVal([]cty.Value{cty.NumberIntVal(1), cty.NullVal(cty.DynamicPseudoType)}),
			"a": cty.MapVal(map[string]cty.Value{"y": cty.NumberIntVal(1), "x": cty.NumberIntVal(2)}),
			"ä": cty.ListVal([]cty.Value{cty.MustParseNumberVal("2.50")}),
		}),
	}
	for _, v := range values {
		sameJSON(t, v)
	}
}

func FuzzSettingsNumber(f *testing.F) {
	for _, text := range []string{"0.7", "1e-5", "-0", "3.0000000000000000000000001", "99999999999999999999", "0.30000000000000004"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := cty.ParseNumberVal(text)
		if err != nil || hugeNumber([]byte(text)) {
			return
		}
		sameJSON(t, v)
	})
}
