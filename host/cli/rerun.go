// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/pipeline"
	"github.com/bulkhead-ml/bulkhead/host/pipeline/edge"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/runs"
	"github.com/bulkhead-ml/bulkhead/host/sink"
	"github.com/bulkhead-ml/bulkhead/host/source"
)

// resolvedRun is what a record keeps of a pipeline beside its nodes, so that the
// run can be repeated without the configuration.
type resolvedRun struct {
	Batch     edge.Limits             `json:"batch"`
	MaxMemory uint64                  `json:"max_memory,omitempty"`
	MaxSpill  uint64                  `json:"max_spill,omitempty"`
	VarFiles  []string                `json:"var_files,omitempty"`
	Nodes     map[string]resolvedNode `json:"nodes"`
}

// resolvedNode is what a record keeps of a node beside its use and settings.
type resolvedNode struct {
	Source    *source.Spec       `json:"source,omitempty"`
	Sink      *sink.Spec         `json:"sink,omitempty"`
	Budget    time.Duration      `json:"budget_ns,omitempty"`
	Timeout   time.Duration      `json:"timeout_ns,omitempty"`
	OnFailure pipeline.OnFailure `json:"on_failure,omitempty"`
	Retries   int                `json:"retries,omitempty"`
	AB        *pipeline.AB       `json:"ab,omitempty"`
	Arm       *pipeline.Arm      `json:"arm,omitempty"`
}

// resolved is the pipeline of w, for its record.
func (w *work) resolved() json.RawMessage {
	out := resolvedRun{Batch: w.pipeline.Batch, MaxMemory: w.block.MaxMemory, MaxSpill: w.block.MaxSpill, Nodes: map[string]resolvedNode{}}
	for _, name := range w.session.app.flags.varFiles {
		if full, err := filepath.Abs(name); err == nil {
			out.VarFiles = append(out.VarFiles, full)
		}
	}
	for _, n := range w.pipeline.Nodes {
		one := resolvedNode{Budget: n.Budget, Timeout: n.Timeout, OnFailure: n.OnFailure, Retries: n.Retries, AB: n.AB, Arm: n.Arm}
		if n.Source != nil {
			spec := *n.Source
			spec.Download, spec.URL = source.Download{}, withoutQuery(spec.URL)
			one.Source = &spec
		}
		if spec, ok := w.sinks[n.Name]; ok {
			one.Sink = &spec
		}
		out.Nodes[n.Name] = one
	}
	text, err := json.Marshal(out)
	if err != nil {
		return nil // all of it has a JSON form
	}
	return text
}

// noQuery stands in a record for the query of an address, which may hold a
// signature or a key.
const noQuery = "..."

func withoutQuery(address string) string {
	base, query, _ := strings.Cut(address, "?")
	if query == "" {
		return address
	}
	return base + "?" + noQuery
}

// given are the values of variables that a run was given and that are no
// secrets, as texts.
func (s *session) given() map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	if s.cfg == nil {
		return out
	}
	flags, _ := variables(s.app.flags.vars) // they were good when the run began
	for _, v := range s.cfg.Variables {
		text, ok := flags[v.Name]
		if !ok {
			text, ok = os.LookupEnv(config.EnvPrefix + v.Name)
		}
		if ok && !v.Sensitive && !secretName(v.Name) {
			out[v.Name], _ = json.Marshal(text) // a string always has a form
		}
	}
	return out
}

func (a *app) rerunCmd() *cobra.Command {
	var f runFlags
	var sinks bool
	cmd := &cobra.Command{
		Use:   "rerun RUN",
		Short: "Repeat a recorded run and compare what came out",
		Long: "Rerun takes the nodes, settings and seeds of a run from its record, insists on\n" +
			"the same plugins, runs them again and compares every digest. A plugin of a\n" +
			"registry that was upgraded since runs in the version of then, as long as that is\n" +
			"kept. Sinks are not written again, and kernels that act outside of the pipeline\n" +
			"are left out, unless --sinks says so.\n\n" +
			"Exit code: 0 the same to the bit, 1 something differs, 2 failed.",
		Example: "  bulkhead rerun 5f3c9a1e",
		Args:    exactly(1, "one run, by its id or the beginning of it"),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.rerun(cmd.Context(), args[0], f, sinks) },
	}
	cmd.Flags().BoolVar(&sinks, "sinks", false, "repeat what is seen outside, too: files of sinks, and kernels that can be undone")
	cmd.Flags().StringVar(&f.save, "save", "", "save states, reports and output tables in this `directory`")
	return cmd
}

func (a *app) rerun(ctx context.Context, ref string, f runFlags, sinks bool) error {
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	a.finishCommits()
	store, err := runStore()
	if err != nil {
		return err
	}
	old, err := store.Get(ref)
	if err != nil {
		return runError(err)
	}
	resolved, err := repeatable(old)
	if err != nil {
		return failed("The run cannot be repeated", err)
	}
	w, runErr := a.repeat(ctx, old, resolved, f, sinks)
	if fault, ok := errors.AsType[*failure](runErr); ok {
		return fault
	}
	compared, now, err := repeated(store, old, w.runID)
	if err != nil {
		return failed("The runs cannot be compared", err)
	}
	doc := rerunResult{
		SchemaVersion: report.SchemaVersion, Run: w.runID, Of: old.ID, Status: now.Status, Reason: now.Reason,
		Comparison: compared, Identical: identical(compared), Diagnostics: append([]report.Diagnostic{}, w.session.notes...),
	}
	if err := a.result(doc); err != nil {
		return err
	}
	switch {
	case runErr != nil:
		return runErr
	case !doc.Identical:
		return exit(ExitWarnings)
	}
	return nil
}

// repeatable reads how a run was made, and refuses one that cannot be made again.
func repeatable(r *runs.Record) (resolved resolvedRun, err error) {
	if err := json.Unmarshal(r.Settings, &resolved); err != nil {
		return resolved, fmt.Errorf("its record does not say how it was made: %w", err)
	}
	if r.Status == runs.Running {
		return resolved, errors.New("it still goes on; wait until it has ended")
	}
	if r.LostLines > 0 || len(r.Nodes) != len(resolved.Nodes) {
		return resolved, errors.New("its record is damaged, and nodes are missing: run the pipeline from its configuration")
	}
	for _, n := range r.Nodes {
		if _, ok := resolved.Nodes[n.Name]; !ok {
			return resolved, fmt.Errorf("its record is damaged: nothing is known of %s", n.Name)
		}
		if bytes.Contains(n.Config, []byte(`"(sensitive)"`)) {
			return resolved, fmt.Errorf("a setting of %s is secret, and records hold no secrets: run the pipeline from its configuration", n.Name)
		}
	}
	return resolved, nil
}

// rerunResult is what `bulkhead rerun` prints.
type rerunResult struct {
	SchemaVersion string `json:"schema_version"`
	Run           string `json:"run"`
	Of            string `json:"rerun_of"`
	// Status and Reason are those of the repetition.
	Status     runs.Status      `json:"status"`
	Reason     string           `json:"reason,omitempty"`
	Identical  bool             `json:"identical"`
	Comparison *runs.Comparison `json:"comparison"`
	// Diagnostics are of the repetition.
	Diagnostics []report.Diagnostic `json:"diagnostics"`
}

// WriteJSON writes the result as one JSON document.
func (r rerunResult) WriteJSON(w io.Writer) error { return writeJSON(w, r) }

// WriteText writes it for a person.
func (r rerunResult) WriteText(w io.Writer, opt report.Options) error {
	verdict := "the same to the bit"
	if !r.Identical {
		verdict = "something differs"
	}
	say(w, opt, "run %s repeats %s: %s", r.Run[:8], r.Of[:8], verdict)
	if r.Status != runs.OK {
		say(w, opt, "  it ended as %s: %s", r.Status, cmp.Or(r.Reason, "no reason is known"))
	}
	if r.Identical {
		return nil
	}
	return comparison{r.Comparison}.WriteText(w, opt)
}
