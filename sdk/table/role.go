// SPDX-License-Identifier: Apache-2.0

package table

import "github.com/apache/arrow-go/v18/arrow"

// RoleKey is the field metadata key of a column's role.
const RoleKey = "bulkhead.role"

// Roles of columns. A column without one is a feature.
const (
	RoleFeature    = ""
	RoleTarget     = "target"
	RoleID         = "id"
	RoleWeight     = "weight"
	RolePrediction = "prediction"
)

// Role returns the role of a column.
func Role(f arrow.Field) string {
	role, _ := f.Metadata.GetValue(RoleKey)
	return role
}

// WithRole returns f with a role, its other metadata kept.
func WithRole(f arrow.Field, role string) arrow.Field {
	m := f.Metadata.ToMap()
	m[RoleKey] = role
	f.Metadata = arrow.MetadataFrom(m)
	return f
}

// TargetIndex returns the index of the target column, or -1.
func TargetIndex(schema *arrow.Schema) int {
	for i, f := range schema.Fields() {
		if Role(f) == RoleTarget {
			return i
		}
	}
	return -1
}

// Features returns the indices of the columns without a role, in order.
func Features(schema *arrow.Schema) []int {
	var out []int
	for i, f := range schema.Fields() {
		if Role(f) == RoleFeature {
			out = append(out, i)
		}
	}
	return out
}
