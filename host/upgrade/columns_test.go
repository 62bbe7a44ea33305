// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	container "github.com/bulkhead-ml/bulkhead/sdk/state"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// allTypes are those that tables have, each alone and in lists where that travels.
func allTypes() (out []arrow.DataType) {
	for _, t := range plain {
		out = append(out, t)
		for _, many := range []arrow.DataType{arrow.ListOf(t), arrow.FixedSizeListOf(3, t)} {
			if table.CheckSchema(arrow.NewSchema([]arrow.Field{{Name: "x", Type: many}}, nil)) == nil {
				out = append(out, many)
			}
		}
	}
	for _, unit := range timeUnits {
		out = append(out, &arrow.TimestampType{Unit: unit, TimeZone: "Europe/Berlin"})
	}
	return out
}

// What container.Columns writes is read back, for every type that tables have.
func TestSchemaOf(t *testing.T) {
	lists := 0
	for _, typ := range allTypes() {
		want := arrow.NewSchema([]arrow.Field{{Name: "x", Type: typ, Nullable: true}, table.WithRole(arrow.Field{Name: "y", Type: typ}, table.RoleTarget)}, nil)
		got, err := SchemaOf(container.Columns(want))
		if err != nil || !got.Equal(want) {
			t.Errorf("%v: %v, %v", typ, got, err)
		}
		if arrow.IsNested(typ.ID()) {
			lists++
		}
	}
	if lists < 20 {
		t.Errorf("only %d types of lists", lists)
	}
	for _, odd := range []string{"", "float16", "list<item: list<item: int8, nullable>, nullable>", "fixed_size_list<item: int8, nullable>[0]", "fixed_size_list<item: int8, nullable>[-1]", "timestamp[us", "struct<>"} {
		if s, err := SchemaOf([]container.Column{{Name: "x", Type: odd}}); err == nil {
			t.Errorf("%q is %v", odd, s)
		}
	}
	if _, err := SchemaOf([]container.Column{{Name: "x", Type: "int8"}, {Name: "x", Type: "int8"}}); err == nil {
		t.Error("two columns of one name")
	}
}

func FuzzSchemaOf(f *testing.F) {
	for _, t := range allTypes() {
		f.Add("x", t.String(), "")
	}
	f.Fuzz(func(t *testing.T, name, typ, role string) {
		s, err := SchemaOf([]container.Column{{Name: name, Type: typ, Role: role, Nullable: true}})
		if err != nil {
			return
		}
		if _, err := table.EncodeSchema(s); err != nil {
			t.Errorf("%v does not travel: %v", s, err)
		}
	})
}
