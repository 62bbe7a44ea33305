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
	"unicode/utf8"

	"github.com/bulkhead-ml/bulkhead/host/report"
)

// errLeft means that the user left the interview.
var errLeft = errors.New("the user left")

// interview asks what to examine and goes through the findings one by one. It
// changes nothing.
type interview struct {
	app *app
	in  *bufio.Reader
	ctx context.Context
}

// interview runs the doctor for somebody who does not know its flags.
func (a *app) interview(ctx context.Context, e *examination) error {
	if a.flags.format != report.Text || a.flags.output != "" || e.watch.on {
		return misuse("--interactive is a conversation; it goes with neither --format, --output nor --watch")
	}
	i := &interview{app: a, in: bufio.NewReader(io.LimitReader(os.Stdin, 1<<20)), ctx: ctx}
	if err := i.choose(e); errors.Is(err, io.EOF) {
		return misuse("--interactive asks questions, and nobody answers; without it, run `bulkhead doctor`")
	} else if err != nil {
		return i.ended(err)
	}
	d, err := a.diagnosis(ctx, e)
	if err != nil {
		return err
	}
	i.say("")
	if err := a.result(d.report); err != nil {
		return err
	}
	if err := i.walk(d.report); err != nil {
		if err := i.ended(err); err != nil {
			return err
		}
	}
	return asExit(d.code)
}

// ended turns the wish to leave into success.
func (i *interview) ended(err error) error {
	if errors.Is(err, errLeft) || errors.Is(err, io.EOF) {
		i.say("Bye.")
		return nil
	}
	return err
}

// choose fills in what the flags left open.
func (i *interview) choose(e *examination) error {
	i.say("Bulkhead looks at this machine and says what will keep ML work from running.")
	i.say("It changes nothing. Press Enter for the answer in brackets, q to leave.\n")
	if e.where.root == "" && e.where.snapshot == "" && len(e.where.pythons) == 0 {
		answer, err := i.ask("Which Python environment do you use? (a directory, * for all) [the active one]")
		switch {
		case err != nil:
			return err
		case answer == "*":
			e.where.all = true
		case answer != "":
			e.where.pythons = []string{fromHome(answer)}
		}
	}
	if e.depth.level == levelStatic && e.where.root == "" && e.where.snapshot == "" {
		deep, err := i.yes("Also import your frameworks and try them, in a sandbox? It takes up to a minute.")
		if err != nil {
			return err
		}
		if deep {
			e.depth.level = levelProbe
		}
	}
	return nil
}

// fromHome is a path as a shell would have read it: nobody has read an answer.
func fromHome(name string) string {
	rest, ok := strings.CutPrefix(name, "~")
	home, err := os.UserHomeDir()
	if !ok || err != nil || rest != "" && rest[0] != '/' {
		return name
	}
	return home + rest
}

// walk goes through the root causes.
func (i *interview) walk(rep report.Doctor) error {
	causes := rootFindings(rep)
	for n, f := range causes {
		i.say("")
		i.term(0, 4, fmt.Sprintf("%d of %d: %s", n+1, len(causes), findingLine(f)))
		if err := i.one(f, n+1 < len(causes)); err != nil {
			return err
		}
	}
	return nil
}

// one talks about one finding until the user wants to go on.
func (i *interview) one(f report.Finding, more bool) error {
	choices := "e explain, f how to fix it, v the evidence, q quit"
	if more {
		choices = "Enter next, " + choices
	}
	for {
		answer, err := i.ask("[" + choices + "]")
		if err != nil {
			return err
		}
		switch strings.ToLower(answer) {
		case "", "n", "next":
			return nil
		case "e", "explain":
			if err := i.explain(f.Code); err != nil {
				i.say(err.Error())
			}
		case "f", "fix":
			i.fix(f)
		case "v", "evidence":
			i.evidence(f)
		default:
			i.say("That is none of: " + choices)
		}
	}
}

// explain prints the page of a code.
func (i *interview) explain(code string) error { return i.app.explain(i.ctx, []string{code}) }

func (i *interview) fix(f report.Finding) {
	for _, r := range f.Remedies {
		i.term(0, 2, fmt.Sprintf("%s (risk: %s)", r.Summary, r.Risk))
		for _, line := range r.Preview {
			i.say("    " + report.CleanLine(line))
		}
	}
	if len(f.Remedies) == 0 {
		i.say("There is no ready remedy; e explains what can be done.")
	}
	for _, v := range f.Verify {
		i.say("Then see that it is gone:")
		i.say("    " + report.CleanLine(v))
	}
}

func (i *interview) evidence(f report.Finding) {
	for _, e := range f.Evidence {
		place := e.Path
		if e.Line > 0 {
			place = fmt.Sprintf("%s:%d", e.Path, e.Line)
		}
		parts := []string{e.Fact, place, e.Call, e.Value}
		i.term(2, 6, strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "  "))
	}
	if len(f.Evidence) == 0 {
		i.say("  none")
	}
}

// rootFindings are the findings that lead the report.
func rootFindings(rep report.Doctor) []report.Finding {
	var out []report.Finding
	for _, c := range rep.RootCauses {
		for _, f := range rep.Findings {
			if f.ID == c.ID {
				out = append(out, f)
				break
			}
		}
	}
	return out
}

func (i *interview) say(text string) { fmt.Fprintln(i.app.stdout, text) }

// term writes a paragraph, wrapped, whose first line begins at indent and the others
// at from.
func (i *interview) term(indent, from int, text string) {
	head, rest, _ := strings.Cut(report.CleanLine(text), " ")
	opt := i.app.textOptions(i.app.stdout)
	columns := width(opt)
	line := strings.Repeat(" ", indent) + head
	for _, word := range strings.Fields(rest) {
		if utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > columns {
			i.say(line)
			line = strings.Repeat(" ", from) + word
			continue
		}
		line += " " + word
	}
	i.say(line)
}

// yes asks a question whose answer is no by default.
func (i *interview) yes(question string) (bool, error) {
	answer, err := i.ask(question + " [y/N]")
	return strings.HasPrefix(strings.ToLower(answer), "y"), err
}

// ask reads one line; q and the end of the input end the interview, and Ctrl-C ends
// the command.
func (i *interview) ask(question string) (string, error) {
	fmt.Fprint(i.app.stdout, question, " > ")
	type read struct {
		line string
		err  error
	}
	got := make(chan read, 1)
	go func() {
		line, err := i.in.ReadString('\n')
		got <- read{line, err}
	}()
	select {
	case <-i.ctx.Done():
		i.say("")
		return "", exit(ExitInterrupted)
	case r := <-got:
		answer := strings.TrimSpace(r.line)
		if r.err != nil && answer == "" {
			i.say("")
			return "", r.err
		}
		if word := strings.ToLower(answer); word == "q" || word == "quit" {
			return "", errLeft
		}
		return answer, nil
	}
}
