// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/abtest"
	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/pipeline"
)

// abNode is the node that compares the two arms of an ab block.
func (w *work) abNode(ab *config.AB) pipeline.Node {
	return pipeline.Node{
		Name: "ab." + ab.Name, Kind: pipeline.KindAB, Inputs: []string{ab.A.Node(), ab.B.Node()}, NoCache: !w.block.Caches(ab.A) || !w.block.Caches(ab.B),
		AB: &pipeline.AB{
			Mode: abtest.Mode(ab.Mode), Split: splitOf(ab), Label: ab.Label, Prediction: ab.Prediction, Metrics: ab.Metrics, Columns: ab.Columns,
			MinRows: int64(ab.MinRows), Holdout: ab.Holdout,
		},
	}
}

func splitOf(ab *config.AB) abtest.Split {
	return abtest.Split{Name: ab.Name, Seed: ab.Seed, Share: ab.Share, Key: ab.Key}
}

// armOf says which rows the kernel of an arm gets; nil for any other kernel.
func armOf(k *config.Kernel) *pipeline.Arm {
	if k.AB == nil {
		return nil
	}
	arm := &pipeline.Arm{Name: abtest.A, Holdout: (&pipeline.AB{Split: splitOf(k.AB), Holdout: k.AB.Holdout}).HoldoutOf()}
	if k.Arm == "b" {
		arm.Name = abtest.B
	}
	if k.AB.Mode == string(abtest.ModeSplit) {
		split := splitOf(k.AB)
		arm.Split = &split
		return arm
	}
	arm.Tolerated = arm.Name == abtest.B && !k.AB.Strict
	return arm
}

// abOf finds the block of a comparison or of an arm, by the name of its node
// without "ab.".
func (w *work) abOf(name string) (*config.AB, *config.Kernel) {
	for _, k := range w.block.Kernels {
		switch {
		case k.AB == nil:
		case k.AB.Name == name:
			return k.AB, nil
		case k.Name == name:
			return k.AB, k
		}
	}
	return nil, nil
}

// abRange finds the line that a problem of a comparison or an arm is about.
func (w *work) abRange(name string, p *pipeline.Problem) config.Range {
	ab, arm := w.abOf(name)
	switch {
	case ab == nil:
		return w.block.Range
	case slices.Equal(p.Path, []string{"input"}) && len(ab.A.Inputs) > 0:
		return ab.A.Inputs[0].Range
	case arm != nil:
		return arm.Range
	}
	return ab.Range
}

// abGroup is the group of a comparison and of its arms in a drawing.
func (w *work) abGroup(name string) string {
	if ab, _ := w.abOf(name); ab != nil {
		return "ab." + ab.Name
	}
	return ""
}

// modeOf is the mode of a comparison; "" of any other node.
func (w *work) modeOf(node string) string {
	for _, n := range w.pipeline.Nodes {
		if n.Name == node && n.AB != nil {
			return string(n.AB.Mode)
		}
	}
	return ""
}

// abText is the line of a comparison in a plan.
func abText(n *pipeline.PlannedNode) string {
	return fmt.Sprintf("%s  compares %s, %s", n.Name, strings.Join(n.Inputs, " with "), splitText(n.AB))
}

// splitText says which rows go where.
func splitText(ab *pipeline.AB) string {
	if ab.Mode == abtest.ModeShadow {
		return "all rows through both, a goes on"
	}
	by := "the number of the row"
	if len(ab.Split.Key) > 0 {
		by = strings.Join(ab.Split.Key, ", ")
	}
	return fmt.Sprintf("%s of the rows to b by %s", percent(ab.Split.Share), by)
}

// armText says which rows an arm gets.
func armText(arm *pipeline.Arm) string {
	text := shareText(arm)
	if arm.Holdout != nil {
		text += ", learns from " + percent(1-arm.Holdout.Share) + " of them"
	}
	return text
}

func shareText(arm *pipeline.Arm) string {
	switch {
	case arm.Split == nil && arm.Tolerated:
		return "all rows, may fail"
	case arm.Split == nil:
		return "all rows"
	case arm.Name == abtest.A:
		return percent(1-arm.Split.Share) + " of the rows"
	}
	return percent(arm.Split.Share) + " of the rows"
}

func percent(share float64) string {
	return strconv.FormatFloat(share*100, 'g', 4, 64) + " %"
}

// abVerdict is what a comparison came to; nil of any other node.
func abVerdict(n *pipeline.NodeResult) []string {
	if n.Kind != pipeline.KindAB || n.Transform == nil {
		return nil
	}
	var report struct {
		AB abtest.Result `json:"ab"`
	}
	if json.Unmarshal(n.Transform.Report, &report) != nil {
		return nil
	}
	return report.AB.Verdict
}
