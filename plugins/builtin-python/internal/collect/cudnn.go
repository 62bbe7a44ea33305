// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/elfdeps"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep440"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// cuDNN 9.20 opens one more of its libraries, which its wheels bring since 9.23.
const (
	tensorIR      = "libcudnn_engines_tensor_ir.so.9"
	opensTensorIR = "9.20"
)

// cudnn records what the environment's cuDNN would take of another one: without
// that it does without, and with a library of another release it stops.
func (o *observer) cudnn(inv *inventory, loader *elfdeps.Loader) {
	d := inv.first([]string{"nvidia-cudnn-cu13", "nvidia-cudnn-cu12"})
	if d == nil {
		return
	}
	v, err := pep440.Parse(d.Version)
	if first, _ := pep440.Parse(opensTensorIR); err != nil || v.Compare(first) < 0 {
		return
	}
	graph := path.Join(d.Site, "nvidia/cudnn/lib/libcudnn_graph.so.9")
	file, release, ok := loader.Opened(graph, tensorIR)
	if !ok || strings.HasPrefix(file, path.Dir(graph)+"/") || release == "" || strings.HasPrefix(d.Version+".", release+".") {
		return
	}
	o.add(observed.StrayCuDNN, observed.CuDNNPart{
		Library: tensorIR, Path: file, Release: release, OpenedBy: graph, Distribution: d.Name, Version: d.Version,
	}, fact.File(file, 0, release))
}
