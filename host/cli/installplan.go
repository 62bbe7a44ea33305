// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/bulkhead-ml/bulkhead/host/installer"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// installPlan is what a change of plugins comes to, before or after it was made.
type installPlan struct {
	SchemaVersion string             `json:"schema_version"`
	Changes       []installer.Change `json:"changes"`
	// Done: the changes were made, as generation Generation.
	Done       bool `json:"done"`
	Generation int  `json:"generation,omitempty"`
	// Stale are registries that could not be reached and were believed for now.
	Stale map[string]string `json:"stale"`
	// Steps are how the changes were checked before they were made.
	Steps []installStep `json:"steps"`
	// Replays are recorded runs that were repeated with a new version.
	Replays []replayed `json:"replays"`
	// Canary is how many of the next runs watch a new version before it stays, or
	// will, and CanaryBudget how many of these may fail.
	Canary       int `json:"canary,omitempty"`
	CanaryBudget int `json:"canary_budget,omitempty"`

	lockFile string
}

// installStep is one step of a change that was made.
type installStep struct {
	Step   string `json:"step"`
	Plugin string `json:"plugin,omitempty"`
	Status string `json:"status"` // done, failed or skipped
	Detail string `json:"detail,omitempty"`
}

func newInstallPlan(p *installer.Plan, lockFile string) installPlan {
	out := installPlan{SchemaVersion: report.SchemaVersion, Changes: p.Changes, Stale: p.Stale, Steps: []installStep{}, Replays: []replayed{}, lockFile: lockFile}
	if out.Changes == nil {
		out.Changes = []installer.Change{}
	}
	return out
}

// WriteJSON writes the plan as one JSON document.
func (p installPlan) WriteJSON(w io.Writer) error { return writeJSON(w, p) }

// WriteText writes a paragraph for each plugin that changes and a sum.
func (p installPlan) WriteText(w io.Writer, opt report.Options) error {
	changed := 0
	for _, c := range p.Changes {
		if !c.Changes() && !opt.Verbose && len(c.Warnings) == 0 {
			continue
		}
		if c.Changes() {
			changed++
		}
		writeChange(w, opt, c)
	}
	for _, s := range p.Steps {
		if opt.Verbose || s.Status == "failed" {
			writeTerm(w, opt, 2, 14, s.Status, strings.TrimSpace(s.Step+" "+s.Plugin)+suffix(": ", s.Detail))
		}
	}
	for _, r := range p.Replays {
		if opt.Verbose || r.Outcome != sameOutcome {
			r.write(w, opt)
		}
	}
	for name, why := range p.Stale {
		writeTerm(w, opt, 0, 9, "warning:", fmt.Sprintf("registry %q is believed as it was last known: %s", name, why))
	}
	sum, watch, _ := strings.Cut(p.sum(changed), "\n")
	_, err := fmt.Fprintln(w, sum) // with a path, to be copied whole
	if watch != "" {
		say(w, opt, "%s", watch)
	}
	return err
}

func suffix(before, text string) string {
	if text == "" {
		return ""
	}
	return before + text
}

// sum is the last line.
func (p installPlan) sum(changed int) string {
	switch {
	case changed == 0 && len(p.Changes) == 0:
		return "No plugin of a registry is wanted here."
	case changed == 0:
		return fmt.Sprintf("%s as locked; nothing to do.", count(len(p.Changes), "plugin is", "plugins are"))
	case !p.Done:
		return fmt.Sprintf("%s; nothing was changed yet.", count(changed, "change", "changes")) + p.watch("will watch")
	}
	return fmt.Sprintf("%s made, generation %d in %s.", count(changed, "change", "changes"), p.Generation, report.CleanLine(p.lockFile)) + p.watch("watch")
}

// watch is the line about the canary; "" without one.
func (p installPlan) watch(verb string) string {
	if p.Canary == 0 {
		return ""
	}
	may := ""
	if p.CanaryBudget > 0 {
		may = fmt.Sprintf(", of which %d may fail", p.CanaryBudget)
	}
	return fmt.Sprintf("\nThe next %s %s the new versions%s; `bulkhead plugin rollback` goes back.", count(p.Canary, "run", "runs"), verb, may)
}

// writeChange writes what happens to one plugin.
func writeChange(w io.Writer, opt report.Options, c installer.Change) {
	head := string(c.Kind) + " " + c.ID
	switch c.Kind {
	case installer.Upgrade, installer.Downgrade:
		head += " " + c.From + " -> " + c.To
	case installer.Remove:
		head += " " + c.From
	default:
		head += " " + c.To
	}
	if c.Bytes > 0 {
		head += ", " + bytesText(c.Bytes)
	}
	fmt.Fprintln(w, report.CleanLine(head))
	writeReasons(w, opt, 4, c.Why)
	for _, warning := range c.Warnings {
		writeTerm(w, opt, 2, 11, "warning:", warning)
	}
	writeNews(w, opt, c.News)
	for _, g := range c.Drops {
		writeTerm(w, opt, 2, 4, "- "+g, "")
	}
	for _, wide := range []bool{false, true} {
		for _, g := range c.Asks {
			if g.Wide() == wide {
				writeTerm(w, opt, 2, 4, "+ "+g.String(), inWords(g))
			}
		}
	}
	writeAsked(w, opt, c)
}

// writeReasons writes why a version was chosen, each reason on lines of its own.
func writeReasons(w io.Writer, opt report.Options, from int, why string) {
	for reason := range strings.Lines(why) {
		writeTerm(w, opt, 0, from, "", reason)
	}
}

// writeAsked sums up what a plugin asks for, however long the list above it is: how
// many grants of each kind, those first with which it can do more than look.
func writeAsked(w io.Writer, opt report.Options, c installer.Change) {
	wide, kinds := 0, []string{}
	for _, kind := range manifest.Kinds() {
		n := 0
		for _, g := range c.Asks {
			if g.Kind != kind {
				continue
			}
			if n++; g.Wide() {
				wide++
			}
		}
		if n > 0 {
			kinds = append(kinds, fmt.Sprintf("%d %s", n, kind))
		}
	}
	lets := "all of them to look only"
	switch {
	case len(c.Asks) == 0:
		return
	case wide == 1:
		lets = "1 of which lets it do more than look"
	case wide > 1:
		lets = fmt.Sprintf("%d of which let it do more than look", wide)
	}
	say(w, opt, "  It asks for %s (%s), %s.", count(len(c.Asks), "grant", "grants"), strings.Join(kinds, ", "), lets)
}

// maxNews is how many lines of a publisher's news are shown, so that they push
// nothing else off the screen.
const maxNews = 8

// writeNews writes the first lines of what a publisher says is new.
func writeNews(w io.Writer, opt report.Options, news string) {
	lines := slices.DeleteFunc(strings.Split(news, "\n"), func(s string) bool { return strings.TrimSpace(s) == "" })
	for i, line := range lines {
		if i == maxNews && !opt.Verbose {
			writeTerm(w, opt, 2, 9, "new:", fmt.Sprintf("and %s more; --json shows them", count(len(lines)-i, "line", "lines")))
			return
		}
		if r := []rune(line); len(r) > maxNewsLine && !opt.Verbose {
			line = string(r[:maxNewsLine]) + "..."
		}
		writeTerm(w, opt, 2, 9, "new:", line)
	}
}

// maxNewsLine bounds one of those lines, in characters.
const maxNewsLine = 240

// inWords is a grant as a person reads it.
func inWords(g manifest.Grant) string {
	verb := map[string]string{
		manifest.Read: "see", manifest.Write: "see and change", manifest.Exec: "start", manifest.Device: "use the device", manifest.Net: "connect to",
		manifest.Env: "see the variable", manifest.Secret: "learn the secret",
	}[g.Kind]
	return fmt.Sprintf("may %s %s: %s", verb, g.Value(), g.Why)
}

// consentFlags are how somebody agrees to what plugins ask for.
type consentFlags struct {
	policy string
	dry    bool
}

// canAsk reports whether a person sits at the terminal and can answer.
func (a *app) canAsk() bool { return a.interactive() && term.IsTerminal(int(os.Stdin.Fd())) }

// ask puts changes to whoever sits at the terminal; nil when nobody does.
func (a *app) ask() installer.Ask {
	if !a.canAsk() {
		return nil
	}
	return func(ctx context.Context, changes []installer.Change) error {
		opt := a.textOptions(a.stderr)
		for _, c := range changes {
			fmt.Fprintln(a.stderr)
			writeChange(a.stderr, opt, c)
		}
		answer, err := a.question(ctx, fmt.Sprintf("\nDo you agree that %s may do what is marked with +? [y/N] ", theseOrThis(changes)))
		if err != nil {
			return err
		}
		if answer != "y" && answer != "yes" {
			return &failure{code: ExitErrors, summary: "Grants were not consented to", err: errors.New("you did not agree, so nothing was changed")}
		}
		return nil
	}
}

func theseOrThis(changes []installer.Change) string {
	if len(changes) == 1 {
		return changes[0].ID
	}
	return "these plugins"
}

// question asks, and waits for the answer or the end of ctx.
func (a *app) question(ctx context.Context, text string) (string, error) {
	fmt.Fprint(a.stderr, text)
	answer, err := readLine(ctx)
	if answer == "" {
		fmt.Fprintln(a.stderr) // what follows is not part of the question
	}
	return answer, err
}

// readLine waits for one line of standard input or the end of ctx.
func readLine(ctx context.Context) (string, error) {
	type answer struct {
		text string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		text, err := bufio.NewReader(io.LimitReader(os.Stdin, 1<<10)).ReadString('\n')
		got <- answer{strings.ToLower(strings.TrimSpace(text)), err}
	}()
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case a := <-got:
		if errors.Is(a.err, io.EOF) {
			a.err = nil
		}
		return a.text, a.err
	}
}

// policyFile reads the file of --accept-grants; nil without the flag.
func (f consentFlags) policyFile() (*installer.Policy, error) {
	if f.policy == "" {
		return nil, nil
	}
	text, err := os.ReadFile(f.policy)
	if err != nil {
		return nil, misuse("--accept-grants: %w", err)
	}
	policy, err := installer.ParsePolicy(f.policy, text)
	if err != nil {
		return nil, &failure{code: ExitConfig, summary: "The policy cannot be used", err: err}
	}
	return policy, nil
}
