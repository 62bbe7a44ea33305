// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mitchellh/go-wordwrap"
	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/doctor"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// explanation is the page of one finding.
type explanation struct {
	SchemaVersion string   `json:"schema_version"`
	Code          string   `json:"code"`
	Title         string   `json:"title"`
	Area          string   `json:"area"`
	Plugin        string   `json:"plugin"`
	Needs         []string `json:"needs"`
	Meaning       string   `json:"meaning"`
	Detection     string   `json:"detection,omitempty"`
	Cause         string   `json:"cause,omitempty"`
	Fix           string   `json:"fix,omitempty"`
	Verify        string   `json:"verify,omitempty"`
	References    []string `json:"references"`
}

// codeList is every code that the plugins know.
type codeList struct {
	SchemaVersion string        `json:"schema_version"`
	Codes         []explanation `json:"codes"`
}

func (a *app) explainCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "explain [CODE]",
		Short:   "Explain a finding: what it means, why it happens, how to mend it",
		Long:    "Explain prints the page of a finding; without a code it lists all of them.",
		Example: "  bulkhead explain gpu.driver-missing",
		Args:    atMost(1, "at most one code"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.explain(cmd.Context(), args)
		},
		ValidArgsFunction: func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return a.completeCodes(cmd.Context()), cobra.ShellCompDirectiveNoFileComp
		},
	}
}

func (a *app) explain(ctx context.Context, args []string) error {
	s, err := a.open(ctx, nil, nil)
	if err != nil {
		return err
	}
	defer s.close()
	if name, ok := strings.CutPrefix(strings.Join(args, ""), "require."); ok {
		return a.explainRequire(s, name)
	}
	pages := s.explanations(ctx)
	if len(args) == 0 {
		return a.result(codeList{SchemaVersion: report.SchemaVersion, Codes: pages})
	}
	for _, p := range pages {
		if sameCode(p.Code, args[0]) {
			return a.result(p)
		}
	}
	var known []string
	for _, p := range pages {
		known = append(known, p.Code)
	}
	return misuse("No plugin knows the code %q.%s `bulkhead explain` lists all of them.", args[0], config.Suggest(args[0], known))
}

// explainRequire shows a policy that the user wrote.
func (a *app) explainRequire(s *session, name string) error {
	if s.cfg == nil {
		return misuse("require.%s is a policy of a configuration, and there is none here; name it with --config", name)
	}
	r, ok := s.cfg.Require(name)
	if !ok {
		return misuse("The configuration has no require %q.", name)
	}
	return a.result(explanation{
		SchemaVersion: report.SchemaVersion, Code: "require." + name, Title: "A requirement of the configuration",
		Area: doctor.PolicyArea, Needs: r.FactAddresses(), References: []string{},
		Meaning: fmt.Sprintf("This condition must hold: %s", r.Condition()),
		Cause:   "It is written at " + r.Range.String() + ".",
		Fix:     "Make the machine fulfil it, or change the condition.",
	})
}

// sameCode compares codes; dashes and underscores are the same.
func sameCode(a, b string) bool {
	return strings.ReplaceAll(a, "_", "-") == strings.ReplaceAll(strings.ToLower(b), "_", "-")
}

// explanations are the pages of every check, in code order.
func (s *session) explanations(ctx context.Context) []explanation {
	out := []explanation{}
	for plugin, d := range s.describe(ctx) {
		for _, c := range d.GetChecks() {
			out = append(out, page(plugin, c))
		}
	}
	for _, p := range doctor.Pages() {
		out = append(out, hostPage(p))
	}
	slices.SortFunc(out, func(a, b explanation) int { return strings.Compare(a.Code+a.Plugin, b.Code+b.Plugin) })
	return out
}

// docs are the pages by code, for the formats that have room for them.
func (s *session) docs(ctx context.Context) map[string]check.Doc {
	out := map[string]check.Doc{}
	for _, p := range s.explanations(ctx) {
		out[p.Code] = check.Doc{
			Meaning: p.Meaning, Detection: p.Detection, Cause: p.Cause, Fix: p.Fix, Verify: p.Verify, References: p.References,
		}
	}
	return out
}

func hostPage(p doctor.Page) explanation {
	return explanation{
		SchemaVersion: report.SchemaVersion, Code: p.Code, Title: p.Title, Area: p.Area, Needs: []string{}, Meaning: p.Doc.Meaning,
		Detection: p.Doc.Detection, Cause: p.Doc.Cause, Fix: p.Doc.Fix, Verify: p.Doc.Verify, References: p.Doc.References,
	}
}

func page(plugin string, c *pluginv1.CheckDescription) explanation {
	doc := c.GetDocumentation()
	return explanation{
		SchemaVersion: report.SchemaVersion, Code: c.GetCode(), Title: c.GetTitle(), Area: c.GetArea(), Plugin: plugin,
		Needs: append([]string{}, c.GetNeeds()...), Meaning: doc.GetMeaning(), Detection: doc.GetDetection(), Cause: doc.GetCause(),
		Fix: doc.GetFix(), Verify: doc.GetVerify(), References: append([]string{}, doc.GetReferences()...),
	}
}

func (a *app) completeCodes(ctx context.Context) []string {
	if a.openLog() != nil {
		return nil
	}
	s, err := a.open(ctx, nil, nil)
	if err != nil {
		return nil
	}
	defer s.close()
	var out []string
	for _, p := range s.explanations(ctx) {
		out = append(out, p.Code+"\t"+p.Title)
	}
	return out
}

// WriteJSON writes the page as one JSON document.
func (e explanation) WriteJSON(w io.Writer) error { return writeJSON(w, e) }

// WriteText writes the page for a person.
func (e explanation) WriteText(w io.Writer, opt report.Options) error {
	from := e.Area
	if e.Plugin != "" {
		from += ", plugin " + e.Plugin
	}
	fmt.Fprintf(w, "%s\n%s (%s)\n", report.CleanLine(e.Title), e.Code, from)
	for _, part := range []struct{ title, text string }{
		{"What it means", e.Meaning}, {"How we know", e.Detection}, {"Why it happens", e.Cause},
		{"How to fix it", e.Fix}, {"How to verify", e.Verify}, {"References", strings.Join(e.References, "\n")},
	} {
		if part.text == "" {
			continue
		}
		text := wordwrap.WrapString(report.Clean(part.text), uint(width(opt)-2))
		fmt.Fprintf(w, "\n%s\n  %s\n", part.title, strings.ReplaceAll(text, "\n", "\n  "))
	}
	return nil
}

// WriteJSON writes the list as one JSON document.
func (l codeList) WriteJSON(w io.Writer) error { return writeJSON(w, l) }

// WriteText writes one line for each code.
func (l codeList) WriteText(w io.Writer, opt report.Options) error {
	for _, e := range l.Codes {
		writeTerm(w, opt, 0, 35, e.Code, e.Title)
	}
	return nil
}
