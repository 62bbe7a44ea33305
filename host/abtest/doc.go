// SPDX-License-Identifier: Apache-2.0

// Package abtest compares two versions of a step that ran beside each other: it
// says which rows go to which version, and whether what came out differs by more
// than chance. It knows no tables and no engine.
//
// # Arms
//
// The two versions are arm a, which is what one has, and arm b, which is what one
// thinks of having. Every difference is b less a.
//
// # Split
//
// In mode split a row goes to one arm. Which one depends on the row and on
// nothing else, so that anybody can find out, in any language. SHA-256 is taken
// over these lines, each of which ends with one line feed:
//
//	bulkhead ab 1
//	name NAME
//	seed SEED
//	VALUE
//
// NAME is that of the comparison, so that two comparisons of one pipeline are
// independent of each other. SEED is a decimal number. Where the split has keys
// there is one line VALUE for each key column, in the order in which they are
// given; otherwise there is one, "row N", and N is the number of the row in the
// input, from 0. The value of a key is
//
//	null              no value
//	bool true         true or false
//	int -42           an integer of any width; the stored number of a date,
//	                  a time or a timestamp
//	float HEX         the 16 lower-case hexadecimal digits of the number as an
//	                  IEEE 754 double, most significant first; -0 is 0, and
//	                  every NaN is 7ff8000000000000
//	text LEN BYTES    a text: its length in bytes, a space and the bytes
//
// The first eight bytes of the digest, most significant first, are an integer h.
// The row goes to arm b when h < share * 2^64, and to arm a otherwise; a share of
// 1 sends all rows to b. testdata/split.json holds rows with their arms, and
// testdata/split.py computes them.
//
// In mode shadow all rows go through both arms, and what they wrote is compared
// row by row.
//
// # Statistics
//
// The references are those of the functions. Between arms that saw different
// rows: Welch's t for the difference of means, with Cohen's d, the two-sample
// Kolmogorov-Smirnov test for the form of a distribution; Newcombe's interval and
// Pearson's chi-square for shares, or Fisher's exact test where fewer than five
// rows are expected. Between arms that saw the same rows: the paired t, Wilcoxon's
// signed ranks, and McNemar's exact test for two classes. The accuracy of arms that
// saw different rows is a share of each; the other metrics of a model get bootstrap
// percentile intervals (seeded: the same rows give the same interval), and beyond
// MaxSample rows the normal interval of the mean of losses.
//
// Means, variances, shares and metrics are of all rows. What needs the rows
// themselves (Kolmogorov-Smirnov, Wilcoxon, the bootstrap) takes MaxSample rows
// at most, chosen by a hash of their number, so that the choice depends on
// neither order nor batches.
//
// All p values of a comparison are adjusted together by Holm's step-down method,
// so that the chance of one false alarm among all of them is at most alpha. A
// difference is told when the adjusted p value is below alpha. Below MinRows rows
// in an arm nothing is told at all. A split whose sizes do not fit the share
// (chi-square, p < 0.001) is warned of: something lost rows before or between.
//
// The tests take rows as independent. With keys, the rows of one key are not, and
// intervals are then too narrow; the result says so.
package abtest
