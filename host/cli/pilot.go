// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/pipeline"
	"github.com/bulkhead-ml/bulkhead/host/report"
)

// pilot runs a sample of the plan. What its sinks write goes to a directory that is
// removed.
func (w *work) pilot(ctx context.Context, plan *pipeline.Plan, o pipeline.Options, rows int64) (*pipeline.Pilot, error) {
	dir, err := os.MkdirTemp(spillDir(), "pilot-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	sinks := map[string]*pipeline.Sink{}
	for name, spec := range w.sinks {
		spec.Path = filepath.Join(dir, fmt.Sprintf("%d-%s", len(sinks), filepath.Base(spec.Path)))
		sinks[name] = w.fileOf(spec)
	}
	defer bounded(o, w.pipeline.Batch.Bytes)()
	return plan.Pilot(ctx, w.engine, o, rows, sinks)
}

// pilotTexts is what the pilot tells of each node.
func (p planned) pilotTexts() map[string]string {
	out := map[string]string{}
	if p.Pilot != nil {
		for _, n := range p.Pilot.Nodes {
			out[n.Name] = pilotText(n)
		}
	}
	return out
}

func pilotText(n pipeline.PilotNode) string {
	if n.Status != pipeline.OK {
		return fmt.Sprintf("pilot: %s, %s", n.Status, cmp.Or(n.Reason, "no reason is known"))
	}
	var parts []string
	add := func(known bool, format string, args ...any) {
		if known {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(n.RowsOut > 0, "%s out", count(int(n.RowsOut), "row", "rows"))
	add(n.Bytes >= 0, "%s", bytesText(n.Bytes))
	add(n.Seconds >= 0, "%s", took(max(time.Millisecond, seconds(n.Seconds))))
	add(n.Memory > 0, "%s of memory", bytesText(n.Memory))
	if len(parts) == 0 {
		return "pilot: nothing can be told, since the rows are not known"
	}
	return "pilot: about " + strings.Join(parts, ", ")
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// piloted says what the whole run takes.
func (p planned) piloted(w io.Writer, opt report.Options) {
	switch {
	case p.Pilot == nil:
		return
	case p.Pilot.Seconds < 0:
		say(w, opt, "pilot: the time of the whole run cannot be told, since the rows of a source are not known")
	default:
		say(w, opt, "pilot: the whole run takes about %s, by samples of %d rows", took(seconds(p.Pilot.Seconds)), p.Pilot.Rows)
	}
}
