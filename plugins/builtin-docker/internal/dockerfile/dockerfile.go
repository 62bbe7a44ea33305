// SPDX-License-Identifier: Apache-2.0

// Package dockerfile finds the build stages of a Dockerfile with their images and
// variables, and the shell scripts that it runs, with the place of every
// character in the file.
//
// It knows what decides where a script begins and ends: parser directives
// (escape), comments, continuation lines with comments and empty lines in
// between, here documents, flags of RUN, the exec form, ONBUILD, and SHELL.
// It does not check anything else of the file; that is what `docker build
// --check` is for. BuildKit's own parser is not used because it drops the
// columns and joins continuation lines, so that a finding could name neither
// the physical line nor the text to replace, and because it brings a module
// graph of more than two hundred modules for one instruction.
//
// Reference: https://docs.docker.com/reference/dockerfile/
package dockerfile

import (
	"encoding/json"
	"path"
	"sort"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-docker/internal/shell"
)

// Script is shell text that a RUN instruction gives to a shell.
type Script struct {
	Text string
	// Exact is false for the exec form: inside a JSON string the columns are
	// not kept, and every offset is at the line of the instruction.
	Exact bool
	// pieces map offsets to the file, in order. Text begins base bytes after the
	// first of them.
	pieces []piece
	base   int
}

// piece is a run of text that stands on one line of the file.
type piece struct {
	offset int // in the text that was gathered
	line   int // from 1
	column int // bytes before it on the line
}

// Position returns the line, from 1, and the byte column, from 0, of an offset
// of Text.
func (s Script) Position(offset int) (line, column int) {
	if !s.Exact {
		return s.pieces[0].line, 0
	}
	offset += s.base
	n := sort.Search(len(s.pieces), func(i int) bool { return s.pieces[i].offset > offset })
	if n == 0 {
		return 0, 0
	}
	at := s.pieces[n-1]
	return at.line, at.column + offset - at.offset
}

// gathering is a Script in the making.
type gathering struct {
	text   strings.Builder
	pieces []piece
}

// add appends text that begins a line.
func (g *gathering) add(text string, line int) {
	g.pieces = append(g.pieces, piece{offset: g.text.Len(), line: line})
	g.text.WriteString(text)
}

func (g *gathering) script() Script {
	return Script{Text: g.text.String(), Exact: true, pieces: g.pieces}
}

// from returns the part of the script after n bytes. It shares the pieces, since
// an instruction of many lines is cut many times.
func (s Script) from(n int) Script {
	s.Text, s.base = s.Text[n:], s.base+n
	return s
}

// Scripts lists the scripts of a file in order.
func Scripts(data []byte) []Script { return parse(data).scripts }

func parse(data []byte) *parser {
	p := &parser{
		lines:  strings.Split(strings.TrimPrefix(string(data), "\ufeff"), "\n"),
		escape: '\\', posix: true, globals: map[string]string{},
	}
	p.directives()
	for p.next < len(p.lines) {
		p.instruction()
	}
	return p
}

// Lines returns the text of a file by lines, without line ends.
func Lines(data []byte) []string {
	lines := strings.Split(strings.TrimPrefix(string(data), "\ufeff"), "\n")
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], "\r")
	}
	return lines
}

type parser struct {
	lines  []string
	next   int // index of the next line
	escape byte
	// posix is whether RUN is given to a POSIX-like shell in this stage.
	posix   bool
	scripts []Script
	stages  []Stage
	// globals are the ARGs before the first FROM.
	globals map[string]string
}

var directive = pattern.Lazy(`^#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*$`)

// directives reads the comments at the top that are no comments.
func (p *parser) directives() {
	for _, line := range p.lines {
		m := directive().FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			return
		}
		if strings.EqualFold(m[1], "escape") && m[2] == "`" {
			p.escape = '`'
		}
	}
}

// instruction reads one instruction with its here documents.
func (p *parser) instruction() {
	first := p.lines[p.next]
	if trimmed := strings.TrimSpace(first); trimmed == "" || trimmed[0] == '#' {
		p.next++
		return
	}
	logical := p.logicalLine()
	keyword, rest := cutWord(logical)
	if strings.EqualFold(keyword, "ONBUILD") {
		keyword, rest = cutWord(rest)
	}
	switch strings.ToUpper(keyword) {
	case "FROM":
		p.posix = p.escape == '\\' && !windowsImage().MatchString(rest.Text)
		p.from(rest)
	case "ARG", "ENV":
		p.variables(strings.ToUpper(keyword), rest.Text)
	case "CMD", "ENTRYPOINT":
		if s := p.stage(); s != nil && len(s.Commands) < maxCommands {
			s.Commands += " " + rest.Text
		}
	case "SHELL":
		p.setShell(rest.Text)
	case "RUN":
		p.run(rest)
	case "COPY", "ADD":
		if s := p.stage(); s != nil {
			s.Copied = append(s.Copied, strings.Fields(rest.Text)...)
		}
		p.heredocs(rest)
	}
}

// windowsImage matches Microsoft's base images, whose shell is cmd.
var windowsImage = pattern.Lazy(`(?i)windows|nanoserver|servercore`)

func (p *parser) setShell(text string) {
	var words []string
	if json.Unmarshal([]byte(text), &words) == nil && len(words) > 0 {
		p.posix = shell.IsShell(words[0])
	}
}

// logicalLine joins a line with those that continue it. Comment lines and empty
// lines in between are dropped, as Docker does.
func (p *parser) logicalLine() Script {
	var out gathering
	for p.next < len(p.lines) {
		line := strings.TrimSuffix(p.lines[p.next], "\r")
		p.next++
		if trimmed := strings.TrimSpace(line); out.text.Len() > 0 && (trimmed == "" || trimmed[0] == '#') {
			continue
		}
		text, continued := p.continued(line)
		out.add(text, p.next)
		if !continued {
			break
		}
	}
	return out.script()
}

// continued cuts the escape character off a line that ends in one. A doubled
// one is itself.
func (p *parser) continued(line string) (string, bool) {
	trimmed := strings.TrimRight(line, " \t")
	n := len(trimmed)
	if n == 0 || trimmed[n-1] != p.escape || n > 1 && trimmed[n-2] == p.escape {
		return line, false
	}
	return trimmed[:n-1], true
}

// cutWord splits off the first word.
func cutWord(s Script) (string, Script) {
	s = trimLeft(s)
	end := strings.IndexAny(s.Text, " \t")
	if end < 0 {
		return s.Text, s.from(len(s.Text))
	}
	word := s.Text[:end]
	return word, trimLeft(s.from(end))
}

func trimLeft(s Script) Script {
	n := len(s.Text) - len(strings.TrimLeft(s.Text, " \t"))
	if n == 0 {
		return s
	}
	return s.from(n)
}

// run reads a RUN instruction in any of its forms.
func (p *parser) run(rest Script) {
	for strings.HasPrefix(rest.Text, "--") {
		var flag string
		flag, rest = cutWord(rest)
		if s := p.stage(); s != nil {
			s.Copied = append(s.Copied, flag) // a mount brings files too
		}
	}
	if words, ok := execForm(rest.Text); ok {
		p.runExec(rest, words)
		return
	}
	bodies := p.heredocs(rest)
	if !p.posix {
		return
	}
	p.add(rest)
	if len(bodies) > 0 && runsBody(rest.Text, bodies[0].Text) {
		p.add(bodies[0])
	}
}

// add keeps a script, of the file and of its stage.
func (p *parser) add(s Script) {
	p.scripts = append(p.scripts, s)
	if stage := p.stage(); stage != nil {
		stage.Scripts = append(stage.Scripts, s)
	}
}

// execForm reads ["program", "argument"].
func execForm(text string) ([]string, bool) {
	var words []string
	if !strings.HasPrefix(text, "[") || json.Unmarshal([]byte(text), &words) != nil {
		return nil, false
	}
	return words, len(words) > 0
}

// runExec takes the script of ["sh", "-c", "script"]. The offsets inside a JSON
// string are not kept: all of it stands where the instruction does.
func (p *parser) runExec(rest Script, words []string) {
	if len(words) < 3 || !shell.IsShell(words[0]) {
		return
	}
	for i, w := range words[1 : len(words)-1] {
		if strings.HasPrefix(w, "-") && strings.HasSuffix(w, "c") {
			line, _ := rest.Position(0)
			p.add(Script{Text: words[i+2], pieces: []piece{{line: line}}})
			return
		}
	}
}

// runsBody reports whether a shell runs the first here document: it stands
// alone, without another interpreter in its first line, or a shell reads it.
func runsBody(command, body string) bool {
	var words []string
	tokens := shell.Tokenize(command)
	for i, t := range tokens {
		if t.Kind == shell.Word && (i == 0 || tokens[i-1].Kind != shell.Redirect) {
			words = append(words, t.Text)
		}
	}
	if len(words) > 0 {
		return shell.IsShell(words[0])
	}
	first, _, _ := strings.Cut(body, "\n")
	interpreter, ok := strings.CutPrefix(first, "#!")
	if !ok {
		return true
	}
	fields := strings.Fields(interpreter)
	return len(fields) > 0 && (shell.IsShell(fields[0]) || path.Base(fields[0]) == "env" && shell.IsShell(fields[len(fields)-1]))
}

// heredocs takes the bodies of the here documents that an instruction opens.
func (p *parser) heredocs(s Script) []Script {
	var bodies []Script
	tokens := shell.Tokenize(s.Text)
	for i, t := range tokens {
		if t.Kind != shell.Redirect || t.Text != "<<" && t.Text != "<<-" || i+1 >= len(tokens) || tokens[i+1].Kind != shell.Word {
			continue
		}
		bodies = append(bodies, p.body(tokens[i+1].Text, t.Text == "<<-"))
	}
	return bodies
}

// body reads lines up to the delimiter, or to the end of a file without it.
func (p *parser) body(delimiter string, tabs bool) Script {
	var out gathering
	for p.next < len(p.lines) {
		line := strings.TrimSuffix(p.lines[p.next], "\r")
		p.next++
		compared := line
		if tabs {
			compared = strings.TrimLeft(line, "\t")
		}
		if compared == delimiter {
			break
		}
		out.add(line+"\n", p.next)
	}
	return out.script()
}
