// SPDX-License-Identifier: Apache-2.0

package shell

import (
	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

var (
	// versionTarget is a file name that is part of a version constraint; with a
	// variable only after "=", since "> $LOG" is an honest redirection.
	versionTarget = pattern.Lazy(`^(=?\d[\w.*+!,=~-]*|=\$[\w{}.*:-]+,?|=)$`)
	version       = pattern.Lazy(`^\d[\w.*+!,=~-]*$`)
	// project is the name of a package, with extras.
	project = pattern.Lazy(`^[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._,-]*\])?$`)
	// outputName is a file for output whose name begins with a digit.
	outputName = pattern.Lazy(`^\d.*\.(log|txt|out|err|json)$`)
	// file names end like these; "> 2" after one of them is left alone.
	fileName = pattern.Lazy(`\.(txt|toml|in|cfg|lock|whl|gz|zip|ya?ml)$`)
)

// lostIn lists the lost constraints of one installer command.
func lostIn(command []Token) []Lost {
	var out []Lost
	for i := 0; i < len(command); i++ {
		l, used := lostAt(command, i)
		if used > 0 {
			out = append(out, l)
			i += used - 1
		}
	}
	return out
}

// lostAt reads the constraint whose redirection is token i, and the number of
// tokens that it takes; 0 when it is none.
func lostAt(command []Token, i int) (Lost, int) {
	if !isComparison(command, i) {
		return Lost{}, 0
	}
	name, adjacent, ok := nameBefore(command, i)
	target := command[i+1]
	if !ok || !adjacent && !spacedConstraint(command, i, name) {
		return Lost{}, 0
	}
	l := Lost{Start: name.Start, End: target.End, Requirement: name.Text, Operator: command[i].Text, Target: target.Text, Exact: true}
	used := l.extend(command[i:])
	return l, used
}

// isComparison reports whether token i is a bare > or < with a version behind.
func isComparison(command []Token, i int) bool {
	t := command[i]
	if t.Kind != Redirect || t.Numbered || t.Text != ">" && t.Text != "<" || i+1 >= len(command) {
		return false
	}
	target := command[i+1]
	return target.Kind == Word && !target.Quoted && versionTarget().MatchString(target.Text) && !outputName().MatchString(target.Text)
}

// nameBefore returns the word before the redirection and whether they touch.
func nameBefore(command []Token, i int) (name Token, adjacent, ok bool) {
	if i == 0 || command[i-1].Kind != Word {
		return Token{}, false, false
	}
	name = command[i-1]
	if !project().MatchString(name.Text) {
		return Token{}, false, false
	}
	return name, name.End == command[i].Start, true
}

// spacedConstraint judges "torch >= 2.4" and "torch > 2.4". A digit alone may
// be a file name, so without "=" the name must not be an option's value or the
// name of a file.
func spacedConstraint(command []Token, i int, name Token) bool {
	target := command[i+1].Text
	if target[0] == '=' {
		return target != "=" || i+2 < len(command) && command[i+2].Kind == Word && version().MatchString(command[i+2].Text)
	}
	optionValue := i >= 2 && len(command[i-2].Text) > 0 && command[i-2].Text[0] == '-'
	return !optionValue && !fileName().MatchString(name.Text)
}

// extend appends the redirections and the spaced version that belong to the
// same requirement, and returns the tokens used from the first redirection on.
func (l *Lost) extend(tokens []Token) int {
	used := 0
	for used+1 < len(tokens) && isComparison(tokens, used) && (used == 0 || tokens[used].Start == l.End) {
		l.Requirement += tokens[used].Text + tokens[used+1].Text
		l.End = tokens[used+1].End
		used += 2
		if tokens[used-1].Text == "=" && used < len(tokens) && version().MatchString(tokens[used].Text) {
			l.Requirement += tokens[used].Text
			l.End = tokens[used].End
			used++
		}
	}
	return used
}
