// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
	"unicode"

	pep440 "github.com/aquasecurity/go-pep440-version"
	goversion "github.com/hashicorp/go-version"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// functions are what expressions may call. None reads files, the environment
// or the clock, and what each gives is bounded by its arguments: see costs.
var functions = map[string]function.Function{
	"semver":     predicate("version", "constraint", semverMatches),
	"pep440":     predicate("version", "specifier", pep440Matches),
	"startswith": predicate("text", "prefix", func(s, p string) (bool, error) { return strings.HasPrefix(s, p), nil }),
	"endswith":   predicate("text", "suffix", func(s, p string) (bool, error) { return strings.HasSuffix(s, p), nil }),
	"bytes":      quantity("size", parseBytes),
	"duration":   quantity("duration", parseSeconds),
	"anytrue":    quantifier(true),
	"alltrue":    quantifier(false),
	"length":     lengthFunc,
	"can":        tryfunc.CanFunc,
	"try":        tryfunc.TryFunc,
	"contains":   stdlib.ContainsFunc,
	"coalesce":   stdlib.CoalesceFunc,
	"concat":     stdlib.ConcatFunc,
	"keys":       stdlib.KeysFunc,
	"lower":      stdlib.LowerFunc,
	"max":        stdlib.MaxFunc,
	"min":        stdlib.MinFunc,
	"regex":      stdlib.RegexFunc,
	"tonumber":   stdlib.MakeToFunc(cty.Number),
	"tostring":   stdlib.MakeToFunc(cty.String),
	"trimspace":  stdlib.TrimSpaceFunc,
	"upper":      stdlib.UpperFunc,
	"values":     stdlib.ValuesFunc,
}

// FunctionNames lists the functions that expressions may call, sorted.
func FunctionNames() []string { return keys(functions) }

// predicate makes a function of two strings.
func predicate(first, second string, f func(a, b string) (bool, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: first, Type: cty.String}, {Name: second, Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			ok, err := f(args[0].AsString(), args[1].AsString())
			return cty.BoolVal(ok), err
		},
	})
}

// quantity makes a function that reads a number with a unit.
func quantity(name string, parse func(string) (*big.Float, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: name, Type: cty.String}},
		Type:   function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			n, err := parse(args[0].AsString())
			if err != nil {
				return cty.UnknownVal(cty.Number), function.NewArgError(0, err)
			}
			return cty.NumberVal(n), nil
		},
	})
}

// quantifier makes anytrue (decisive true) or alltrue (decisive false).
func quantifier(decisive bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "conditions", Type: cty.List(cty.Bool)}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			for it := args[0].ElementIterator(); it.Next(); {
				_, v := it.Element()
				if !v.IsNull() && v.IsKnown() && v.True() == decisive {
					return cty.BoolVal(decisive), nil
				}
			}
			return cty.BoolVal(!decisive), nil
		},
	})
}

// lengthFunc counts the elements of a collection or the characters of a text.
var lengthFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		switch ty := args[0].Type(); {
		case ty == cty.String:
			return stdlib.Strlen(args[0])
		case ty.IsCollectionType() || ty.IsTupleType() || ty.IsObjectType():
			return cty.NumberIntVal(int64(args[0].LengthInt())), nil
		default:
			return cty.UnknownVal(cty.Number), function.NewArgErrorf(0, "a text or a collection is needed, not a %s", ty.FriendlyName())
		}
	},
})

// maxVersion bounds the text of versions and constraints.
const maxVersion = 256

// semverMatches compares versions of one to many numbers. What follows a dash
// in the version (5.10.0-23-amd64, 24.0.7-ce) counts only when the constraint
// names a suffix too: on a machine it is a packaging detail.
func semverMatches(version, constraint string) (bool, error) {
	v, err := parseVersion(version)
	if err != nil {
		return false, function.NewArgError(0, err)
	}
	c, err := parseConstraint(constraint)
	if err != nil {
		return false, function.NewArgError(1, err)
	}
	if !slices.ContainsFunc(c, (*goversion.Constraint).Prerelease) {
		v = v.Core()
	}
	return c.Check(v), nil
}

func parseVersion(text string) (*goversion.Version, error) {
	if len(text) <= maxVersion {
		if v, err := goversion.NewVersion(strings.TrimSpace(text)); err == nil {
			return v, nil
		}
	}
	return nil, fmt.Errorf("%q is not a version such as 550.54.14", shorten(text))
}

func parseConstraint(text string) (goversion.Constraints, error) {
	if len(text) <= maxVersion {
		if c, err := goversion.NewConstraint(text); err == nil {
			return c, nil
		}
	}
	return nil, fmt.Errorf("%q is not a constraint such as \">= 1.2, < 2.0\" or \"~> 1.2\"", shorten(text))
}

// pep440Matches follows PEP 440: an empty specifier admits every version, and a
// pre-release is admitted only when the specifier names one.
func pep440Matches(version, specifier string) (bool, error) {
	if len(version) > maxVersion || len(specifier) > 4*maxVersion {
		return false, errors.New("the version or the specifier is too long")
	}
	v, err := pep440.Parse(strings.TrimSpace(version))
	if err != nil {
		return false, function.NewArgErrorf(0, "%q is not a Python version such as 2.5.1+cu124", version)
	}
	if strings.TrimSpace(specifier) == "" {
		return true, nil
	}
	spec, err := pep440.NewSpecifiers(specifier)
	if err != nil || strings.Contains(specifier, "||") {
		return false, function.NewArgErrorf(1, "%q is not a specifier such as \">=2.0,<3\"", specifier)
	}
	if v.IsPreRelease() && !namesPreRelease(specifier) {
		return false, nil
	}
	return spec.Check(v), nil
}

func namesPreRelease(specifier string) bool {
	for clause := range strings.SplitSeq(specifier, ",") {
		text := strings.TrimSuffix(strings.TrimLeft(clause, "=<>!~ \t"), ".*")
		if v, err := pep440.Parse(strings.TrimSpace(text)); err == nil && v.IsPreRelease() {
			return true
		}
	}
	return false
}

var sizePattern = pattern.Lazy(`^([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([KMGTP]i?)?B?$`)

// parseBytes reads "64MiB" (powers of 1024), "64MB" (powers of 1000) or "64".
func parseBytes(text string) (*big.Float, error) {
	m := sizePattern().FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return nil, fmt.Errorf("%q is not a size such as 64MiB, 1.5GiB or 500MB", shorten(text))
	}
	n, _, err := big.ParseFloat(m[1], 10, 512, big.ToNearestEven)
	if err != nil {
		return nil, err
	}
	unit, factor := m[2], int64(1000)
	if strings.HasSuffix(unit, "i") {
		factor = 1024
	}
	for range strings.Index("KMGTP", firstLetter(unit)) + 1 {
		n.Mul(n, new(big.Float).SetInt64(factor))
	}
	return n, nil
}

// firstLetter is a string that no unit holds when the unit is empty.
func firstLetter(unit string) string {
	if unit == "" {
		return "-"
	}
	return unit[:1]
}

func parseSeconds(text string) (*big.Float, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return nil, fmt.Errorf("%q is not a duration such as 90s, 5m or 1h30m", shorten(text))
	}
	return big.NewFloat(d.Seconds()), nil
}

// shorten makes foreign text fit to stand in a sentence.
func shorten(text string) string {
	const longest = 60
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return text
}
