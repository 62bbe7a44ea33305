// SPDX-License-Identifier: Apache-2.0

package dockerfile

import (
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// Stage is one build stage, from its FROM to the next.
type Stage struct {
	// Line of the FROM instruction, from 1.
	Line int
	// Image of the FROM with its variables put in; "" where a variable has no
	// value in the file. For a stage on top of another one it is that one's name.
	Image string
	// Name after AS, in lower case; "" for none.
	Name string
	// Platform of the FROM instruction, "" for the builder's own.
	Platform string
	// Env and Args are the variables that the stage sets, unexpanded.
	Env map[string]string
	// Copied are the words of COPY and ADD, and the flags of RUN, which mount.
	Copied []string
	// Commands are the words of CMD and ENTRYPOINT.
	Commands string
	Scripts  []Script
}

// maxStages bounds the stages of a file, and maxCommands the bytes of the commands
// of one, after which no more instruction is added.
const (
	maxStages   = 200
	maxCommands = 4096
)

// Stages lists the build stages of a file in order.
func Stages(data []byte) []Stage {
	p := parse(data)
	return p.stages
}

// Base follows the stages below one and returns the image that it stands on; ""
// where that is not known. Chain has the indexes of the stages from it down.
func Base(stages []Stage, at int) (image string, chain []int) {
	for range stages {
		chain = append(chain, at)
		below := -1
		for i := range stages[:at] {
			if stages[i].Name != "" && stages[i].Name == strings.ToLower(stages[at].Image) {
				below = i
			}
		}
		if below < 0 {
			break
		}
		at = below
	}
	return stages[at].Image, chain
}

// from begins a stage.
func (p *parser) from(rest Script) {
	line, _ := rest.Position(0)
	s := Stage{Line: line, Env: map[string]string{}}
	words := strings.Fields(rest.Text)
	for len(words) > 0 && strings.HasPrefix(words[0], "--") {
		if v, ok := strings.CutPrefix(words[0], "--platform="); ok {
			s.Platform = v
		}
		words = words[1:]
	}
	if len(words) > 0 {
		s.Image = expand(words[0], p.globals)
	}
	if len(words) > 2 && strings.EqualFold(words[1], "AS") {
		s.Name = strings.ToLower(words[2])
	}
	if len(p.stages) < maxStages {
		p.stages = append(p.stages, s)
	}
}

// stage is the one that instructions belong to; nil before the first FROM.
func (p *parser) stage() *Stage {
	if len(p.stages) == 0 {
		return nil
	}
	return &p.stages[len(p.stages)-1]
}

// variables reads ARG and ENV. ARGs before the first FROM are those that FROM
// itself may use.
func (p *parser) variables(keyword, text string) {
	into := p.globals
	if s := p.stage(); s != nil {
		into = s.Env
	}
	words := strings.Fields(text)
	if keyword == "ENV" && len(words) > 1 && !strings.Contains(words[0], "=") { // ENV NAME the value
		into[words[0]] = strings.Join(words[1:], " ")
		return
	}
	for _, w := range words {
		name, value, ok := strings.Cut(w, "=")
		if name != "" && (ok || keyword == "ARG") { // an ARG without a default gets its value from the command line
			into[name] = strings.Trim(value, `"'`)
		}
	}
}

var variable = pattern.Lazy(`\$(?:\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|([A-Za-z_][A-Za-z0-9_]*))`)

// expand puts variables into the image of a FROM; "" where one has no value.
func expand(text string, values map[string]string) string {
	known := true
	out := variable().ReplaceAllStringFunc(text, func(found string) string {
		m := variable().FindStringSubmatch(found)
		value := values[m[1]+m[3]]
		if value == "" {
			value = m[2]
		}
		known = known && value != "" && !strings.Contains(value, "$")
		return value
	})
	if !known || strings.Contains(out, "$") {
		return ""
	}
	return out
}
