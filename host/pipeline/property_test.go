// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/abtest"
	"github.com/bulkhead-ml/bulkhead/host/pipeline/edge"
)

// randomPipeline is a forest of lab kernels over a source, with one sink.
func randomPipeline(t *testing.T, r *rand.Rand, rows int) []Node {
	t.Helper()
	kinds := []string{"add", "mul", "sift", "add", "sift", "sum", "twice", "hold", "learn"}
	nodes := []Node{labRowsNode(t, rows)}
	givers := []string{"rows"}
	for i := range 2 + r.IntN(12) {
		if r.IntN(6) == 0 {
			nodes = append(nodes, randomAB(r, fmt.Sprintf("k%d", i), givers[r.IntN(len(givers))])...)
			givers = append(givers, nodes[len(nodes)-1].Name)
			continue
		}
		kind := kinds[r.IntN(len(kinds))]
		input := givers[len(givers)-1] // mostly chains
		if r.IntN(3) == 0 {
			input = givers[r.IntN(len(givers))]
		}
		n := labNode(fmt.Sprintf("k%d", i), kind, input, labConfig{N: 1 + r.Int64N(5), Silent: r.IntN(4) == 0, Trace: r.IntN(4) == 0})
		switch r.IntN(8) {
		case 0:
			n.OnFailure = Retry
		case 1:
			n.Timeout = 1 << 40
		case 2:
			n.OnFailure = Quarantine
			n.Config = bytes.Replace(n.Config, []byte(`"Fail":""`), []byte(`"Fail":"reject"`), 1)
		case 3:
			n.OnFailure = Continue
			n.Config = bytes.Replace(n.Config, []byte(`"Fail":""`), []byte(`"Fail":"lose"`), 1)
		}
		nodes = append(nodes, n)
		if kind != "learn" {
			givers = append(givers, n.Name)
		}
	}
	return nodes
}

// randomAB is a comparison of two lab kernels.
func randomAB(r *rand.Rand, name, input string) []Node {
	o := AB{Mode: abtest.ModeSplit, Split: abtest.Split{Name: name, Seed: r.Uint64(), Share: 0.02 + 0.96*r.Float64()}}
	if r.IntN(2) == 0 {
		o.Mode = abtest.ModeShadow
	}
	if r.IntN(3) == 0 {
		o.Holdout = 0.3
	}
	kinds := []string{"add", "mul", "sift", "sum"}
	var arms [2]Node
	for i := range arms {
		arms[i] = labNode("", kinds[r.IntN(len(kinds))], input, labConfig{N: 1 + r.Int64N(5), Trace: true})
		switch r.IntN(5) {
		case 0:
			arms[i].OnFailure = Quarantine
			arms[i].Config = bytes.Replace(arms[i].Config, []byte(`"Fail":""`), []byte(`"Fail":"reject"`), 1)
		case 1:
			arms[i].OnFailure = Retry
		}
	}
	nodes := abNodes(o, arms[0], arms[1])
	for i := range nodes {
		nodes[i].Name = strings.Replace(nodes[i].Name, "t", name, 1)
	}
	nodes[0].Arm.Holdout, nodes[1].Arm.Holdout = o.HoldoutOf(), o.HoldoutOf()
	nodes[2].Inputs = []string{nodes[0].Name, nodes[1].Name}
	return nodes
}

// outputs are all that a run says of each node that must not depend on how it
// ran.
func outputs(t *testing.T, result *Result) (out []string) {
	t.Helper()
	for _, n := range result.Nodes {
		if n.Status != OK { // how far it came is chance
			out = append(out, fmt.Sprintf("%s %s", n.Name, n.Status))
			continue
		}
		text := fmt.Sprintf("%s %s %d %d %d %d %s", n.Name, n.Status, n.RowsIn, n.RowsOut, n.RowsDropped, n.RowsRejected, n.State)
		if n.Transform != nil && n.Table() != nil {
			rows := numbersOf(t, n.Table())
			text += fmt.Sprintf(" %d %x", n.Table().Rows(), sha256.Sum256(fmt.Append(nil, rows)))
		}
		out = append(out, text)
	}
	return out
}

// TestOutputsDoNotDependOnHowARunRuns runs random pipelines under random
// options: no run waits for itself, and all give what the plainest one gives.
func TestOutputsDoNotDependOnHowARunRuns(t *testing.T) {
	seeds := uint64(60)
	if os.Getenv("BULKHEAD_LONG_TESTS") != "" {
		seeds = 2000
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 7))
		nodes := randomPipeline(t, r, 1+r.IntN(400))
		plain, err := labRun(t, &lab{}, Options{Parallel: 1, NoFusion: true}, nodes...)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		want := outputs(t, plain)
		cache := openCache(t, t.TempDir())
		for range 4 {
			o := Options{Parallel: 1 + r.IntN(4), NoFusion: r.IntN(2) == 0, EdgeBytes: 1 + r.Int64N(5000), EdgeRows: 1 + r.Int64N(100), TempDir: t.TempDir()}
			if r.IntN(2) == 0 {
				o.MaxTableBytes = 1 + r.Int64N(6000)
			}
			if r.IntN(2) == 0 {
				o.Cache = cache
			}
			p := Pipeline{Nodes: nodes, Plugins: map[string]Plugin{"lab": {Digest: "sha256:1"}}, Batch: edge.Limits{Rows: r.Int64N(50), Bytes: r.Int64N(2000)}}
			result, err := labRunOf(t, &lab{}, o, p)
			if err != nil {
				t.Fatalf("seed %d, %+v: %v", seed, o, err)
			}
			if got := outputs(t, result); !slices.Equal(got, want) {
				t.Errorf("seed %d, %+v:\n%v\nwant\n%v", seed, o, got, want)
			}
			result.Close()
			if left, _ := os.ReadDir(o.TempDir); len(left) > 0 {
				t.Errorf("seed %d: %v is left behind", seed, left)
			}
		}
	}
}
