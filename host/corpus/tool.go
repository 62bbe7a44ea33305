// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/target"
)

// Bundled is the name of the tool that this executable is.
const Bundled = "bulkhead"

// maxOutput bounds what is kept of a tool's output, in bytes.
const maxOutput = 16 << 20

// Tool is a doctor to score.
type Tool struct {
	// Name in reports.
	Name string
	// words of the command; {root} and {machine} are replaced in each.
	words []string
	// bundled tools get the flags of the machine.
	bundled bool
}

// BundledTool runs this very executable's doctor, with more flags.
func BundledTool(executable string, flags ...string) Tool {
	return Tool{Name: Bundled, bundled: true, words: append([]string{executable, "doctor", "--json", "--root", "{root}"}, flags...)}
}

// ParseTool reads the command of a foreign tool. Words stand between spaces, or
// in single or double quotes; no shell is started. {root} is the directory that
// holds the machine's "/", {machine} the machine's name.
func ParseTool(command string) (Tool, error) {
	words, err := split(command)
	if err != nil {
		return Tool{}, fmt.Errorf("the command %q: %w", command, err)
	}
	if len(words) == 0 {
		return Tool{}, errors.New("the command of the tool is empty")
	}
	return Tool{Name: command, words: words}, nil
}

func split(command string) (words []string, err error) {
	var word strings.Builder
	var quote rune
	inWord := false
	for _, c := range command {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote, inWord = c, true
		case quote == 0 && (c == ' ' || c == '\t' || c == '\n'):
			if inWord {
				words = append(words, word.String())
			}
			inWord = false
			word.Reset()
		default:
			inWord = true
			word.WriteRune(c)
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("the quotation mark %c is not closed", quote)
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// output is what a run of a tool gave.
type output struct {
	stdout []byte
	stderr string // its end
	code   int
	// failure says why the tool gave no answer; "" when it gave one.
	failure string
}

// run starts the tool on an unpacked machine, in an empty directory of its own.
func (t Tool) run(ctx context.Context, m *Machine, root, scratch string, limit time.Duration) output {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var words []string
	for _, w := range t.words {
		words = append(words, strings.NewReplacer("{root}", root, "{machine}", m.Name).Replace(w))
	}
	if t.bundled {
		words = append(words, m.Expect.Flags...)
	}
	cmd := exec.CommandContext(bounded, words[0], words[1:]...)
	cmd.Dir, cmd.WaitDelay = scratch, 2*time.Second
	cmd.Env = t.environment(m, root)
	var stdout, stderr limited
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	isolate(cmd)
	err := cmd.Run()
	out := output{stdout: stdout.data, stderr: stderr.end(), code: cmd.ProcessState.ExitCode()}
	if errors.Is(bounded.Err(), context.DeadlineExceeded) {
		out.failure = fmt.Sprintf("no answer in %s", limit)
	} else if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || out.code < 0) {
		out.failure = err.Error()
	}
	return out
}

// own are variables that a tool's own process needs as they are.
var own = []string{"PATH", "HOME", "TMPDIR", "VIRTUAL_ENV", "CONDA_PREFIX", "PWD", "SHELL", "USER"}

// environment is this process's, for foreign tools with the machine's variables
// but for those that would change how the tool itself starts.
func (t Tool) environment(m *Machine, root string) []string {
	env := append(os.Environ(), "BULKHEAD_MACHINE_ROOT="+root, "BULKHEAD_MACHINE="+m.Name)
	if t.bundled {
		return env
	}
	for name, value := range m.env() {
		if !slices.Contains(own, name) && !strings.HasPrefix(name, "LD_") && !strings.HasPrefix(name, "PYTHON") {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// env is the environment of the machine.
func (m *Machine) env() map[string]string {
	e, _ := m.tree.Entry(target.MachineFile)
	var recording struct{ Env map[string]string }
	if json.Unmarshal(e.Data, &recording) != nil {
		return nil
	}
	return recording.Env
}

// limited keeps the first maxOutput bytes.
type limited struct{ data []byte }

// Write never fails: a tool that says too much must not be stopped by it.
func (l *limited) Write(p []byte) (int, error) {
	l.data = append(l.data, p[:min(len(p), maxOutput-len(l.data))]...)
	return len(p), nil
}

func (l *limited) end() string {
	text := strings.TrimSpace(string(l.data))
	return text[max(0, len(text)-2000):]
}

// absolute makes a command that is a path independent of the directory.
func (t Tool) absolute() (Tool, error) {
	if !strings.ContainsAny(t.words[0], `/\`) {
		return t, nil
	}
	abs, err := filepath.Abs(t.words[0])
	if err != nil {
		return t, err
	}
	t.words = append([]string{abs}, t.words[1:]...)
	return t, nil
}
