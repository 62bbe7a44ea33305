// SPDX-License-Identifier: Apache-2.0

package shell

import (
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// Lost is a version constraint that the shell takes for a redirection:
// of `pip install torch>=2.4` pip sees "torch", and its output goes to a file
// named "=2.4".
type Lost struct {
	// Start and End are the byte offsets of the whole requirement.
	Start, End int
	// Requirement as it was meant: "torch>=2.4".
	Requirement string
	// Operator is the first redirection, ">" or "<", and Target its file.
	Operator, Target string
	// Installer is the command: "pip install".
	Installer string
	// Quote is the mark around the script that the requirement stands in, as in
	// sh -c "..."; 0 when there is none.
	Quote byte
	// Exact is false when the offsets are only those of the word around it.
	Exact bool
}

// maxDepth is how many sh -c are looked into.
const maxDepth = 3

// FindLost lists the lost constraints of a script in order.
func FindLost(script string) []Lost { return findLost(script, maxDepth) }

func findLost(script string, depth int) []Lost {
	var out []Lost
	for _, command := range commands(Tokenize(script)) {
		words := commandWords(command)
		if name := installer(words); name != "" {
			for _, l := range lostIn(command) {
				l.Installer = name
				out = append(out, l)
			}
		}
		if inner, ok := innerScript(words); ok && depth > 0 {
			out = append(out, nested(script, inner, depth-1)...)
		}
	}
	return out
}

// nested looks into the script of sh -c and moves its offsets to the outer one.
func nested(script string, word Token, depth int) []Lost {
	raw := script[word.Start:word.End]
	exact := len(raw) >= 2 && raw[1:len(raw)-1] == word.Text && (raw[0] == '"' || raw[0] == '\'')
	out := findLost(word.Text, depth)
	for i := range out {
		l := &out[i]
		if l.Exact = l.Exact && exact && l.Quote == 0; l.Exact {
			l.Quote, l.Start, l.End = raw[0], l.Start+word.Start+1, l.End+word.Start+1
		} else {
			l.Start, l.End = word.Start, word.End
		}
	}
	return out
}

// commands cuts tokens into simple commands.
func commands(tokens []Token) [][]Token {
	var (
		out     [][]Token
		current []Token
	)
	for _, t := range tokens {
		if t.Kind != Control {
			current = append(current, t)
			continue
		}
		if len(current) > 0 {
			out, current = append(out, current), nil
		}
	}
	if len(current) > 0 {
		out = append(out, current)
	}
	return out
}

var (
	assignment = pattern.Lazy(`^[A-Za-z_][A-Za-z0-9_]*=`)
	// before are words that stand before a command without being it.
	before = []string{"if", "then", "else", "elif", "do", "while", "until", "!", "{", "time", "sudo", "env", "exec", "command", "nohup", "nice"}
)

// commandWords returns the words of a command from its name on.
func commandWords(command []Token) []Token {
	var words []Token
	for i, t := range command {
		target := i > 0 && command[i-1].Kind == Redirect
		if t.Kind == Word && !target {
			words = append(words, t)
		}
	}
	passed := false
	for len(words) > 0 {
		text := words[0].Text
		switch {
		case slices.Contains(before, text):
			passed = true
		case assignment().MatchString(text):
		case passed && strings.HasPrefix(text, "-"):
		default:
			return words
		}
		words = words[1:]
	}
	return nil
}

var (
	pipName    = pattern.Lazy(`^pip(\d(\.\d+)?)?$`)
	pythonName = pattern.Lazy(`^(python|pypy)(\d(\.\d+)?)?$`)
)

// installer names the package installer that a command runs; "" for none.
func installer(words []Token) string {
	if len(words) < 2 {
		return ""
	}
	name := path.Base(words[0].Text)
	args := words[1:]
	switch {
	case pipName().MatchString(name):
		return subcommand("pip", args, "install", "download", "wheel")
	case pythonName().MatchString(name):
		return afterModule(args)
	}
	switch name {
	case "uv":
		if has(args, "pip") {
			return subcommand("uv pip", args, "install")
		}
		return subcommand("uv", args, "add")
	case "conda", "mamba", "micromamba":
		return subcommand(name, args, "install", "create", "update")
	case "pipx":
		return subcommand(name, args, "install")
	case "poetry", "pdm":
		return subcommand(name, args, "add")
	}
	return ""
}

// afterModule handles python [OPTIONS] -m pip install.
func afterModule(args []Token) string {
	for i, a := range args {
		if a.Text == "-m" && i+2 < len(args) && args[i+1].Text == "pip" {
			return subcommand("pip", args[i+2:], "install", "download", "wheel")
		}
	}
	return ""
}

func subcommand(tool string, args []Token, names ...string) string {
	for _, name := range names {
		if has(args, name) {
			return tool + " " + name
		}
	}
	return ""
}

func has(words []Token, text string) bool {
	return slices.ContainsFunc(words, func(t Token) bool { return t.Text == text })
}

var shells = []string{"sh", "bash", "dash", "ash", "zsh", "ksh"}

// IsShell reports whether a program is a POSIX-like shell.
func IsShell(program string) bool { return slices.Contains(shells, path.Base(program)) }

var commandFlag = pattern.Lazy(`^-[a-z]*c$`)

// innerScript returns the word after sh -c.
func innerScript(words []Token) (Token, bool) {
	if len(words) == 0 || !IsShell(words[0].Text) {
		return Token{}, false
	}
	for i, w := range words[1:] {
		if commandFlag().MatchString(w.Text) && i+2 < len(words) {
			return words[i+2], true
		}
	}
	return Token{}, false
}
