// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/artifact"
	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/pipeline"
	"github.com/bulkhead-ml/bulkhead/host/pipeline/edge"
	"github.com/bulkhead-ml/bulkhead/host/report"
)

func (a *app) cacheCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "List, explain and empty what is kept of the work of kernels",
		Long: "Cache shows the outcomes that pipelines with `cache = true`, and runs with\n" +
			"--cache, keep by everything that they depend on: plugin, settings, seed and the\n" +
			"content of the input. They are in the user's cache directory; a cache block\n" +
			"bounds their size and age.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return misuse("choose what to do: %s list, explain, sweep or clear", cmd.CommandPath())
		},
	}
	cmd.AddCommand(a.cacheListCmd(), a.cacheExplainCmd(), a.cacheSweepCmd(), a.cacheClearCmd())
	return cmd
}

func (a *app) cacheListCmd() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List what is kept, the last used first", Args: exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			store, err := openArtifacts(config.Cache{})
			if err != nil {
				return failed("The cache cannot be read", err)
			}
			return a.result(cacheListing{SchemaVersion: report.SchemaVersion, Entries: append([]artifact.Entry{}, store.List()...)})
		},
	}
}

// cacheListing is what `bulkhead cache list` prints.
type cacheListing struct {
	SchemaVersion string           `json:"schema_version"`
	Entries       []artifact.Entry `json:"entries"`
}

// WriteJSON writes the list as one JSON document.
func (l cacheListing) WriteJSON(w io.Writer) error { return writeJSON(w, l) }

// WriteText writes one line for each entry.
func (l cacheListing) WriteText(w io.Writer, opt report.Options) error {
	if len(l.Entries) == 0 {
		_, err := fmt.Fprintln(w, "nothing is kept: `bulkhead run --cache` keeps what it computes")
		return err
	}
	var total int64
	rows := [][]string{{"key", "node", "use", "rows", "size", "last used"}}
	for _, e := range l.Entries {
		total += e.Bytes
		node := e.Info.Pipeline + "/" + e.Info.Node
		if e.Damage != "" {
			node = "damaged: " + cutText(e.Damage, 30)
		}
		rows = append(rows, []string{e.Key.String()[:12], node, e.Info.Use, fmt.Sprint(e.Info.Rows), bytesText(e.Bytes), e.LastUse.Local().Format(time.DateOnly)})
	}
	if err := columns(w, opt, rows); err != nil {
		return err
	}
	say(w, opt, "%s, %s", count(len(l.Entries), "entry", "entries"), bytesText(total))
	return nil
}

// bytesText writes a number of bytes for people: "1.5 MiB".
func bytesText(n int64) string { return edge.BytesText(n) }

func (a *app) cacheExplainCmd() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use: "explain [PATH...]", Short: "Say of each step whether it is in the cache, and why not",
		Long: "Explain plans the pipeline and compares what each step depends on with what is\n" +
			"kept: plugin, settings, seed, budget and the content of the input.",
		RunE: func(cmd *cobra.Command, args []string) error { return a.cacheExplain(cmd.Context(), args, name) },
	}
	cmd.Flags().StringVar(&name, "pipeline", "", "`name` of the pipeline, when there are several")
	return cmd
}

func (a *app) cacheExplain(ctx context.Context, paths []string, name string) (err error) {
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	defer func() { err = a.cutShort(ctx, err) }()
	w, err := a.openPipeline(ctx, paths, name, nil)
	if err != nil {
		return err
	}
	defer w.session.close()
	configured := map[string]bool{}
	for _, n := range w.pipeline.Nodes {
		configured[n.Name] = !n.NoCache
	}
	options, err := w.options(pipeline.KeepNone, cacheOn)
	if err != nil {
		return err
	}
	if w.store == nil && slices.ContainsFunc(w.pipeline.Nodes, isKernel) {
		return failed("The cache cannot be explained", errors.New("it cannot be opened"))
	}
	plan, err := w.plan(ctx, options)
	if err != nil {
		return err
	}
	out := cacheExplanation{SchemaVersion: report.SchemaVersion, Pipeline: plan.Pipeline, Nodes: []explainedNode{}}
	for _, n := range plan.Nodes {
		if n.Kind != pipeline.KindKernel {
			continue
		}
		one, err := w.explain(plan, n, configured[n.Name])
		if err != nil {
			return failed("The cache cannot be read", err)
		}
		out.Nodes = append(out.Nodes, one)
	}
	return a.result(out)
}

func isKernel(n pipeline.Node) bool { return n.Kind == pipeline.KindKernel }

// explain says what the cache has of a node.
func (w *work) explain(plan *pipeline.Plan, n *pipeline.PlannedNode, configured bool) (explainedNode, error) {
	out := explainedNode{Name: n.Name, Use: n.Use, Cached: configured, Ingredients: plan.Ingredients(n.Name)}
	if out.Ingredients == nil {
		out.Reason = "it has side effects, or something that it depends on has no digest"
		return out, nil
	}
	found, err := w.store.store.Explain(out.Ingredients)
	if found.Found == nil && streamsOn(plan, n.Name) {
		out.Reason = "what it writes streams into the next step; what it learns is kept"
		return out, err
	}
	out.Explanation = &found
	return out, err
}

// streamsOn reports whether nothing holds the table of a node.
func streamsOn(plan *pipeline.Plan, node string) bool {
	return slices.ContainsFunc(plan.Edges, func(e pipeline.PlannedEdge) bool {
		return e.From == node && (e.Kind == pipeline.EdgeStream || e.Kind == pipeline.EdgeFused)
	})
}

// cacheExplanation is what `bulkhead cache explain` prints.
type cacheExplanation struct {
	SchemaVersion string          `json:"schema_version"`
	Pipeline      string          `json:"pipeline"`
	Nodes         []explainedNode `json:"nodes"`
}

// explainedNode is a kernel of the pipeline and what the cache has of it.
type explainedNode struct {
	Name string `json:"name"`
	Use  string `json:"use"`
	// Cached says that the configuration keeps what it does.
	Cached bool `json:"cached"`
	// Reason says why it can never be in the cache.
	Reason      string                `json:"reason,omitempty"`
	Ingredients []pipeline.Ingredient `json:"ingredients,omitempty"`
	Explanation *artifact.Explanation `json:"explanation,omitempty"`
}

// WriteJSON writes the explanation as one JSON document.
func (e cacheExplanation) WriteJSON(w io.Writer) error { return writeJSON(w, e) }

// WriteText writes it for a person.
func (e cacheExplanation) WriteText(w io.Writer, opt report.Options) error {
	off := false
	for _, n := range e.Nodes {
		off = off || !n.Cached
		say(w, opt, "%s  %s: %s", n.Name, n.Use, n.verdict())
		if n.Explanation == nil || n.Explanation.Found != nil {
			continue
		}
		for _, d := range n.Explanation.Differences {
			say(w, opt, "    %s was %s, is %s", d.Name, values(d.Have), values(d.Want))
		}
	}
	if off {
		say(w, opt, "not asked for: the configuration keeps nothing of those; set cache = true, or run with --cache")
	}
	return nil
}

func (n explainedNode) verdict() string {
	off := ""
	if !n.Cached {
		off = ", not asked for"
	}
	switch {
	case n.Reason != "":
		return "never cached, " + n.Reason
	case n.Explanation.Found != nil:
		return fmt.Sprintf("in the cache, used %s%s", n.Explanation.Found.LastUse.Local().Format("2006-01-02 15:04"), off)
	case n.Explanation.Nearest != nil:
		return "not in the cache; the nearest entry differs" + off
	}
	return "not in the cache, and nothing like it is" + off
}

func values(v []string) string {
	if len(v) == 0 {
		return "absent"
	}
	short := make([]string, len(v))
	for i, s := range v {
		short[i] = cutText(s, 28)
	}
	return strings.Join(short, ", ")
}

func (a *app) cacheSweepCmd() *cobra.Command {
	return &cobra.Command{
		Use: "sweep", Short: "Remove what is too old or too much by the cache block", Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.cacheSweep(cmd.Context()) },
	}
}

func (a *app) cacheSweep(ctx context.Context) error {
	s := &session{app: a, started: time.Now()}
	if err := s.load(ctx, nil); err != nil {
		return err
	}
	store, err := openArtifacts(s.bounds())
	if err != nil {
		return failed("The cache cannot be swept", err)
	}
	swept, err := store.Sweep(time.Now())
	if err != nil {
		return failed("The cache cannot be swept", err)
	}
	return a.result(said{SchemaVersion: report.SchemaVersion, Message: fmt.Sprintf(
		"%s removed, %s freed; %s of %s stay", count(swept.Expired+swept.Evicted+swept.Damaged, "entry", "entries"), bytesText(swept.Freed),
		count(swept.Left, "entry", "entries"), bytesText(swept.LeftBytes))})
}

func (a *app) cacheClearCmd() *cobra.Command {
	return &cobra.Command{
		Use: "clear", Short: "Remove all that is not in use", Args: exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error { return a.cacheClear() },
	}
}

func (a *app) cacheClear() error {
	store, err := openArtifacts(config.Cache{})
	if err != nil {
		return failed("The cache cannot be emptied", err)
	}
	removed, used, freed := 0, 0, int64(0)
	for _, e := range store.List() {
		switch err := store.Remove(e.Key); {
		case errors.Is(err, artifact.ErrPinned):
			used++
		case err != nil && !errors.Is(err, artifact.ErrMissing):
			return failed("The cache cannot be emptied", err)
		default:
			removed++
			freed += e.Bytes
		}
	}
	message := fmt.Sprintf("%s removed, %s freed", count(removed, "entry", "entries"), bytesText(freed))
	if used > 0 {
		message += fmt.Sprintf("; %d in use by other runs stay", used)
	}
	return a.result(said{SchemaVersion: report.SchemaVersion, Message: message})
}
