// SPDX-License-Identifier: Apache-2.0

package locate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// kernelPlaces are the directories of kernelspecs outside environments, as
// granted paths; `jupyter --paths` lists them.
var kernelPlaces = []string{
	"$JUPYTER_DATA_DIR/kernels", "$JUPYTER_PATH/kernels", "~/.local/share/jupyter/kernels",
	"~/Library/Jupyter/kernels", "~/AppData/Roaming/jupyter/kernels",
	"/usr/local/share/jupyter/kernels", "/usr/share/jupyter/kernels",
}

// Bounds on kernelspecs.
const (
	maxKernels     = 128
	maxSettingFile = 1 << 20 // bytes of a file of settings
)

// kernels reads the kernelspecs of the user, of the system and of the examined
// environments.
func (s *searcher) kernels() {
	for _, place := range kernelPlaces {
		for _, dir := range patterns(s.target, place) {
			s.kernelsIn(dir, nil)
		}
	}
	for i := range s.found.Examined {
		env := &s.found.Examined[i]
		s.kernelsIn(path.Join(escapeGlob(env.Prefix), "share/jupyter/kernels"), env)
	}
}

func (s *searcher) kernelsIn(dir string, owner *Env) {
	for _, file := range s.target.Glob(path.Join(dir, "*/kernel.json")) {
		if len(s.found.Kernels) == maxKernels {
			s.found.Cut = true
			return
		}
		if k, ok := s.kernel(file, owner); ok {
			s.found.Kernels = append(s.found.Kernels, k)
		}
	}
}

// kernel reads one kernelspec; false for another language.
func (s *searcher) kernel(file string, owner *Env) (observed.Kernel, bool) {
	data, err := readSettings(s.target, file)
	if err == nil {
		var spec KernelSpec
		if spec, err = ParseKernelSpec(data); err == nil {
			return s.describeKernel(file, spec, owner), spec.isPython()
		}
	}
	if s.found.KernelFiles == nil {
		s.found.KernelFiles = map[string]string{}
	}
	s.found.KernelFiles[file] = err.Error()
	return observed.Kernel{}, false
}

func (s *searcher) describeKernel(file string, spec KernelSpec, owner *Env) observed.Kernel {
	k := observed.Kernel{
		Name: path.Base(path.Dir(file)), DisplayName: spec.DisplayName, Path: file, Line: spec.Line,
		Interpreter: spec.Interpreter, State: observed.InterpreterUnseen,
	}
	if owner != nil {
		k.Environment = owner.Prefix
	}
	if path.IsAbs(spec.Interpreter) {
		k.Resolved = path.Clean(spec.Interpreter)
		k.State, k.Prefix = stateOf(s.target, k.Resolved)
	} else if owner != nil && interpreterName().MatchString(spec.Interpreter) {
		// Jupyter starts its own interpreter for a bare "python", and the Jupyter
		// that looks here first is the environment's.
		k.Prefix = owner.Prefix
		if owner.Link.State == LinkOK {
			k.State = observed.InterpreterOK
		}
	}
	return k
}

// KernelSpec is what a kernel.json says.
type KernelSpec struct {
	DisplayName, Language string
	// Interpreter is the first word of argv, Line where it stands.
	Interpreter string
	Line        int
}

// ParseKernelSpec reads kernel.json.
func ParseKernelSpec(data []byte) (KernelSpec, error) {
	var spec struct {
		Argv        []string `json:"argv"`
		DisplayName string   `json:"display_name"`
		Language    string   `json:"language"`
	}
	if err := json.Unmarshal(data, &spec); err != nil {
		return KernelSpec{}, fmt.Errorf("it is no kernelspec: %w", err)
	}
	out := KernelSpec{DisplayName: spec.DisplayName, Language: spec.Language}
	if len(spec.Argv) > 0 {
		out.Interpreter = spec.Argv[0]
		out.Line = lineOfString(data, out.Interpreter)
	}
	return out, nil
}

// isPython tells kernels of Python, such as ipykernel, from those of R and Julia.
func (k KernelSpec) isPython() bool {
	return strings.EqualFold(cmp.Or(k.Language, "python"), "python") && k.Interpreter != ""
}

// lineOfString is the line of a JSON text in which a string stands, 0 when its
// characters are escaped otherwise.
func lineOfString(data []byte, text string) int {
	quoted, err := json.Marshal(text)
	if err != nil {
		return 0
	}
	at := bytes.Index(data, quoted)
	if at < 0 {
		return 0
	}
	return lineAt(data, at)
}

// lineAt is the line of an offset, from 1.
func lineAt(data []byte, at int) int { return 1 + bytes.Count(data[:at], []byte("\n")) }

// readSettings reads a file of settings of at most maxSettingFile.
func readSettings(t *fact.Target, file string) ([]byte, error) {
	info, err := t.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxSettingFile {
		return nil, fmt.Errorf("%s has %d bytes, more than %d", file, info.Size(), maxSettingFile)
	}
	return t.ReadFile(file)
}
