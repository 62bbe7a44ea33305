// SPDX-License-Identifier: Apache-2.0

package bigcsv_test

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"testing"

	"github.com/bulkhead-ml/bulkhead/internal/bigcsv"
)

func TestWrite(t *testing.T) {
	var a, b bytes.Buffer
	rows, err := bigcsv.Write(&a, 1<<20)
	if err != nil || a.Len() < 1<<20 || a.Len() > 1<<20+300 {
		t.Fatalf("%d bytes, %v", a.Len(), err)
	}
	if _, err := bigcsv.Write(&b, 1<<20); err != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Errorf("the same arguments gave other bytes, %v", err)
	}
	records, err := csv.NewReader(&a).ReadAll()
	if err != nil || int64(len(records)) != rows+1 {
		t.Fatalf("%d records for %d rows, %v", len(records), rows, err)
	}
	missing := 0
	for i, r := range records[1:] {
		if r[0] != strconv.Itoa(i) || r[12] == "" {
			t.Fatalf("row %d: %v", i, r)
		}
		for _, cell := range r[1:11] {
			if _, err := strconv.ParseFloat(cell, 64); cell != "" && err != nil {
				t.Fatalf("row %d: %v", i, err)
			}
			if cell == "" {
				missing++
			}
		}
	}
	if share := float64(missing) / float64(10*rows); share < 0.02 || share > 0.05 {
		t.Errorf("%.3f of the cells are missing", share)
	}
}
