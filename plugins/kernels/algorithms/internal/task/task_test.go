// SPDX-License-Identifier: Apache-2.0

package task

import (
	"slices"
	"strings"
	"testing"
)

// cycle repeats 0..distinct-1 over n rows.
func cycle(distinct, n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = float64(i % distinct)
	}
	return v
}

func TestDetect(t *testing.T) {
	cases := []struct {
		name string
		col  Column
		want Kind
		warn bool
	}{
		{"text", Column{Labels: []string{"a", "b", "c"}}, Classification, false},
		{"three classes in 150 rows", Column{Numbers: cycle(3, 150)}, Classification, false},
		{"two values in ten rows", Column{Numbers: cycle(2, 10)}, Classification, true},
		{"ten digits", Column{Numbers: cycle(10, 1797)}, Classification, false},
		{"fifteen whole numbers", Column{Numbers: cycle(15, 1000)}, Classification, true},
		{"three values in thirty rows", Column{Numbers: cycle(3, 30)}, Regression, true},
		{"two hundred whole numbers", Column{Numbers: cycle(200, 5000)}, Regression, false},
		{"fractions", Column{Numbers: []float64{0, .5, 1}}, Regression, false},
	}
	for _, c := range cases {
		d, err := Detect(c.col, Auto)
		if err != nil || d.Kind != c.want || (d.Warning != "") != c.warn || d.Reason == "" {
			t.Errorf("%s: %+v, %v", c.name, d, err)
		}
	}
}

func TestDetectObeysTheSetting(t *testing.T) {
	d, err := Detect(Column{Numbers: cycle(3, 150)}, Regression)
	if err != nil || d.Kind != Regression || d.Warning != "" {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := Detect(Column{Name: "species", Labels: []string{"a"}}, Regression); err == nil || !strings.Contains(err.Error(), "species") {
		t.Errorf("regression on text: %v", err)
	}
	if _, err := Detect(Column{Numbers: []float64{1}}, "ranking"); err == nil {
		t.Error("unknown task: no error")
	}
}

func TestEncode(t *testing.T) {
	classes, codes := Encode(Column{Numbers: []float64{10, 2, 10, -1.5}})
	if !slices.Equal(classes.Names, []string{"-1.5", "2", "10"}) || !slices.Equal(codes, []int{2, 1, 2, 0}) {
		t.Errorf("numbers: %v %v", classes, codes)
	}
	classes, codes = Encode(Column{Labels: []string{"b", "a", "b"}})
	if !slices.Equal(classes.Names, []string{"a", "b"}) || !slices.Equal(codes, []int{1, 0, 1}) || classes.Numbers != nil {
		t.Errorf("text: %v %v", classes, codes)
	}
}
