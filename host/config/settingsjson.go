// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"

	"github.com/zclconf/go-cty/cty"
)

// appendJSON writes a value without marks as cty's own encoder does, to the
// byte: digests of settings depend on it. That one prints every number with the
// full precision of its 512 bits, which for a thousand kernels takes most of the
// time of binding them.
func appendJSON(out []byte, v cty.Value) ([]byte, error) {
	ty := v.Type()
	switch {
	case !v.IsKnown():
		return nil, errors.New("a value is not known")
	case v.IsNull():
		return append(out, "null"...), nil
	case ty == cty.String:
		return appendText(out, v.AsString())
	case ty == cty.Number:
		return appendNumber(out, v.AsBigFloat())
	case ty == cty.Bool:
		return strconv.AppendBool(out, v.True()), nil
	case ty.IsListType() || ty.IsSetType() || ty.IsTupleType():
		return appendList(out, v)
	case ty.IsMapType() || ty.IsObjectType():
		return appendObject(out, v)
	default:
		return nil, fmt.Errorf("a value of type %s has no form in JSON", typeName(ty))
	}
}

func appendText(out []byte, text string) ([]byte, error) {
	raw, err := json.Marshal(text)
	return append(out, raw...), err
}

// appendNumber prints the shortest digits that mean the number. Those of the
// nearest float64 are the shortest when they mean the same number.
func appendNumber(out []byte, n *big.Float) ([]byte, error) {
	if n.IsInf() {
		return nil, errors.New("infinity has no form in JSON")
	}
	if whole, accuracy := n.Int64(); n.IsInt() && accuracy == big.Exact && whole != 0 {
		return strconv.AppendInt(out, whole, 10), nil
	}
	near, _ := n.Float64()
	text := strconv.FormatFloat(near, 'f', -1, 64)
	if again, _, err := big.ParseFloat(text, 10, n.Prec(), n.Mode()); err == nil && again.Cmp(n) == 0 && n.Sign() != 0 {
		return append(out, text...), nil
	}
	return n.Append(out, 'f', -1), nil
}

func appendList(out []byte, v cty.Value) ([]byte, error) {
	out = append(out, '[')
	first := true
	for it := v.ElementIterator(); it.Next(); first = false {
		if !first {
			out = append(out, ',')
		}
		_, elem := it.Element()
		var err error
		if out, err = appendJSON(out, elem); err != nil {
			return nil, err
		}
	}
	return append(out, ']'), nil
}

// appendObject writes names in their order; so do the iterators.
func appendObject(out []byte, v cty.Value) ([]byte, error) {
	out = append(out, '{')
	first := true
	for it := v.ElementIterator(); it.Next(); first = false {
		if !first {
			out = append(out, ',')
		}
		key, elem := it.Element()
		var err error
		if out, err = appendText(out, key.AsString()); err != nil {
			return nil, err
		}
		if out, err = appendJSON(append(out, ':'), elem); err != nil {
			return nil, err
		}
	}
	return append(out, '}'), nil
}
