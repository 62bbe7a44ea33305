// SPDX-License-Identifier: Apache-2.0

package abtest

// Mode of a comparison.
type Mode string

// In ModeSplit each row goes to one arm, in ModeShadow to both.
const (
	ModeSplit  Mode = "split"
	ModeShadow Mode = "shadow"
)

// Result of a comparison.
type Result struct {
	// Verdict in words, the most important sentence first.
	Verdict []string `json:"verdict"`
	Mode    Mode     `json:"mode"`
	// Split of the rows; nil in mode shadow.
	Split *Split  `json:"split,omitempty"`
	Alpha float64 `json:"alpha"`
	// Arms by name, "a" and "b".
	Arms map[string]ArmResult `json:"arms"`
	// Latency of the calls of both arms, a first.
	Latency []Latency `json:"latency"`
	// Pairs of mode shadow; nil in mode split.
	Pairs *Pairs `json:"pairs,omitempty"`
	// Schema says what is not the same about the columns.
	Schema  []string       `json:"schema,omitempty"`
	Columns []ColumnResult `json:"columns"`
	Tests   []Test         `json:"tests"`
	// Warnings are reasons to take the rest with care.
	Warnings []string `json:"warnings,omitempty"`
}

// ArmResult is what is known of one arm.
type ArmResult struct {
	// Use names the kernel, "PLUGIN.KERNEL", and Version that of the plugin.
	Use     string `json:"use"`
	Version string `json:"version,omitempty"`
	// Failed says why the arm has no output; empty when it has.
	Failed       string `json:"failed,omitempty"`
	RowsIn       int64  `json:"rows_in"`
	RowsOut      int64  `json:"rows_out"`
	RowsDropped  int64  `json:"rows_dropped"`
	RowsRejected int64  `json:"rows_rejected"`
	// Errors counts the calls that ended without an answer.
	Errors int64 `json:"errors"`
	// RowsMeasured have a label and a prediction, and Metrics are of them.
	RowsMeasured int64             `json:"rows_measured,omitempty"`
	Metrics      map[string]Number `json:"metrics,omitempty"`
}

// Latency of one kind of call of one arm.
type Latency struct {
	Arm   string `json:"arm"`
	Call  string `json:"call"`
	Calls int    `json:"calls"`
	// WallMS is the time of all of them together, and MicrosPerRow that of a row.
	WallMS       float64 `json:"wall_ms"`
	MicrosPerRow Number  `json:"us_per_row"`
}

// Pairs counts the rows of mode shadow.
type Pairs struct {
	// Both were written by both arms, and Equal of them are the same to the bit
	// in all common columns.
	Both  int64 `json:"both"`
	Equal int64 `json:"equal"`
	OnlyA int64 `json:"only_a"`
	OnlyB int64 `json:"only_b"`
}

// ColumnResult describes one column of the output.
type ColumnResult struct {
	Name string  `json:"name"`
	Kind Kind    `json:"kind"`
	A    Summary `json:"a"`
	B    Summary `json:"b"`
	// Of mode shadow: pairs of values, those that are the same to the bit, and of
	// numbers the largest and the mean difference.
	Pairs          int64   `json:"pairs,omitempty"`
	Equal          int64   `json:"equal,omitempty"`
	MaxDifference  *Number `json:"max_difference,omitempty"`
	MeanDifference *Number `json:"mean_difference,omitempty"`
}

// Summary of one column in one arm.
type Summary struct {
	Values int64 `json:"values"`
	// Missing are nulls, NaN and the infinities.
	Missing int64 `json:"missing"`
	// Of numbers.
	Mean      *Number `json:"mean,omitempty"`
	Deviation *Number `json:"sd,omitempty"`
	// Top are the most frequent texts, of texts.
	Top []Share `json:"top,omitempty"`
}

// Share of one text.
type Share struct {
	Value string  `json:"value"`
	Share float64 `json:"share"`
}

// Area of a test.
type Area string

// A test is of a metric, of a column, or of the numbers of rows.
const (
	AreaMetric Area = "metric"
	AreaColumn Area = "column"
	AreaRows   Area = "rows"
)

// Test is one comparison of the two arms.
type Test struct {
	Area Area `json:"area"`
	// Subject is the metric or the column.
	Subject string `json:"subject"`
	// Of is what is compared: "mean", "distribution", "share of \"yes\"".
	Of string `json:"of"`
	// Method that gave the p value.
	Method    string `json:"method"`
	Statistic Number `json:"statistic"`
	P         Number `json:"p"`
	// Adjusted for all tests of the comparison.
	Adjusted Number `json:"p_adjusted"`
	// Effect is b less a, with its interval of 1 - alpha.
	Effect Number `json:"effect"`
	Low    Number `json:"low"`
	High   Number `json:"high"`
	// Size is Cohen's d.
	Size Number `json:"cohens_d"`
	// Different: the difference is more than chance.
	Different bool `json:"different"`
	// Sampled: it took MaxSample rows of more.
	Sampled bool `json:"sampled,omitempty"`
}
