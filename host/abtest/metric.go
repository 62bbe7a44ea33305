// SPDX-License-Identifier: Apache-2.0

package abtest

import (
	"math"
	"math/rand/v2"
)

// Names of metrics.
const (
	Accuracy = "accuracy"
	LogLoss  = "log_loss"
	RMSE     = "rmse"
	MAE      = "mae"
)

// Metrics are all metrics: of classes, of the probability of the class true or 1,
// and of numbers.
var Metrics = []string{Accuracy, LogLoss, RMSE, MAE}

// MetricsFor are those that fit the kinds of a label and of a prediction.
func MetricsFor(label, prediction Column, isBool bool) []string {
	switch {
	case label.Kind == Category && isBool && prediction.Kind == Numeric:
		return []string{Accuracy, LogLoss}
	case label.Kind == Category:
		return []string{Accuracy}
	}
	return []string{RMSE, MAE}
}

// metric collects the losses of one metric.
type metric struct {
	name        string
	arms        [2]losses
	differences Moments
	rows        sample // of pairs
	onlyA       int64  // right in one arm only
	onlyB       int64
	unusable    int64
}

func (m *metric) add(arm Arm, row int64, label, prediction Value) {
	loss, ok := m.loss(label, prediction)
	if !ok {
		m.unusable++
		return
	}
	m.arms[arm].add(row, loss)
}

func (m *metric) pair(row int64, label, a, b Value) {
	x, okA := m.loss(label, a)
	y, okB := m.loss(label, b)
	if !okA || !okB {
		m.unusable++
		return
	}
	m.arms[A].add(row, x)
	m.arms[B].add(row, y)
	m.differences.Add(y - x)
	m.rows.add(row, x, y)
	if x > y {
		m.onlyA++
	} else if y > x {
		m.onlyB++
	}
}

// leastProbability keeps the logarithm finite, as in scikit-learn: the smallest
// step of a double at 1.
const leastProbability = 0x1p-52

// loss of one row, whose mean makes the metric.
func (m *metric) loss(label, p Value) (float64, bool) {
	if label.missing() || p.missing() {
		return 0, false
	}
	switch m.name {
	case Accuracy:
		return hit(label, p), true
	case LogLoss:
		return logLoss(label.Number, p.Number)
	}
	if !label.Numeric || !p.Numeric {
		return 0, false
	}
	d := p.Number - label.Number
	if m.name == RMSE {
		d *= d
	}
	return math.Abs(d), !math.IsInf(d, 0)
}

// hit is 1 for a class that was predicted. A number for a bool is a probability.
func hit(label, p Value) float64 {
	right := label.Text == p.Text && label.Numeric == p.Numeric
	switch {
	case label.Numeric && p.Numeric:
		right = label.Number == p.Number
	case p.Numeric && (label.Text == "true" || label.Text == "false"):
		right = (p.Number >= 0.5) == (label.Text == "true")
	}
	if right {
		return 1
	}
	return 0
}

func logLoss(label, p float64) (float64, bool) {
	if label != 0 && label != 1 || p < 0 || p > 1 {
		return 0, false
	}
	p = math.Min(1-leastProbability, math.Max(leastProbability, p))
	if label == 1 {
		return -math.Log(p), true
	}
	return -math.Log1p(-p), true
}

// of is the metric of a mean of losses, and slope how fast it changes there.
func (m *metric) of(mean float64) float64 {
	if m.name == RMSE {
		return math.Sqrt(mean)
	}
	return mean
}

func (m *metric) slope(mean float64) float64 {
	if m.name != RMSE {
		return 1
	}
	if mean == 0 {
		return 0
	}
	return 0.5 / math.Sqrt(mean)
}

// better reports whether an effect, b less a, is an improvement.
func (m *metric) better(effect Number) bool { return (effect > 0) == (m.name == Accuracy) }

// value of the metric in an arm.
func (m *metric) value(arm Arm) Number { return Number(m.of(m.arms[arm].moments.Mean())) }

// test compares the metric of the two arms.
func (m *metric) test(shadow bool, alpha float64) (Test, bool) {
	a, b := &m.arms[A], &m.arms[B]
	if a.moments.N == 0 || b.moments.N == 0 {
		return Test{}, false
	}
	var o Outcome
	var method string
	switch {
	case shadow && m.name == Accuracy:
		o, method = McNemar(m.onlyA, m.onlyB, m.differences.N, alpha), "McNemar's exact"
	case shadow:
		o, method = PairedT(&m.differences, alpha), "paired t of losses"
	case m.name == Accuracy: // a share, of which the bootstrap knows nothing where it is 0 or 1
		o = Shares(hits(a), a.moments.N, hits(b), b.moments.N, alpha)
		return testOf(AreaMetric, m.name, "difference", sharesMethod(o), o, false), true
	default:
		o, method = Welch(&a.moments, &b.moments, alpha), "Welch's t of losses"
	}
	i := m.interval(shadow, alpha)
	o.Effect, o.Low, o.High = i.value, i.low, i.high
	return testOf(AreaMetric, m.name, "difference", method, o, false), true
}

func hits(l *losses) int64 { return int64(math.Round(l.moments.Mean() * float64(l.moments.N))) }

// interval of the difference: by the bootstrap while all rows are held, and by the
// normal distribution of means beyond.
func (m *metric) interval(shadow bool, alpha float64) interval {
	a, b := &m.arms[A], &m.arms[B]
	effect := m.of(b.moments.Mean()) - m.of(a.moments.Mean())
	if !a.rows.whole() || !b.rows.whole() {
		return m.wide(effect, shadow, alpha)
	}
	r := rand.New(rand.NewPCG(uint64(a.moments.N), uint64(b.moments.N)))
	var x, y []float64
	if shadow {
		x, y = bootstrapPairs(m.rows.rows(), r)
	} else {
		x, y = bootstrapMeans(a.rows.values(), r), bootstrapMeans(b.rows.values(), r)
	}
	for i := range x {
		x[i] = m.of(y[i]) - m.of(x[i])
	}
	low, high := percentiles(x, alpha)
	return interval{Number(effect), low, high}
}

// wide is the interval of many rows. That of pairs takes the slope at the mean of
// both arms, where it hardly differs.
func (m *metric) wide(effect float64, shadow bool, alpha float64) interval {
	a, b := &m.arms[A].moments, &m.arms[B].moments
	if shadow {
		slope := m.slope((a.Mean() + b.Mean()) / 2)
		return normalInterval(effect, slope, m.differences.Deviation()/math.Sqrt(float64(m.differences.N)), alpha)
	}
	sa, sb := m.slope(a.Mean()), m.slope(b.Mean())
	se := math.Hypot(sa*a.Deviation()/math.Sqrt(float64(a.N)), sb*b.Deviation()/math.Sqrt(float64(b.N)))
	return normalInterval(effect, 1, se, alpha)
}
