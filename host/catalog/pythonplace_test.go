// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/plugin"
)

// What every sandbox has of its own hides the machine's, and the error says where to
// go.
func TestPythonThatNoSandboxShows(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only there have sandboxes a root of their own")
	}
	for name, c := range map[string]struct {
		python plugin.Interpreter
		hidden string
	}{
		"an environment":  {plugin.Interpreter{Libraries: []string{"/usr/lib/python3.12", "/tmp/x/.venv"}}, "/tmp/x/.venv"},
		"packages":        {plugin.Interpreter{Packages: "/tmp/x/site-packages"}, "/tmp/x/site-packages"},
		"another place":   {plugin.Interpreter{Libraries: []string{"/usr/lib/python3.12"}, Packages: "/home/ada/site-packages"}, ""},
		"a similar name":  {plugin.Interpreter{Libraries: []string{"/tmpfiles/.venv"}}, ""},
		"roundabout":      {plugin.Interpreter{Libraries: []string{"/usr/../tmp/.venv"}}, "/usr/../tmp/.venv"},
		"what may be not": {plugin.Interpreter{Optional: []string{"/tmp/x"}}, ""},
	} {
		err := shown("hub", &c.python)
		place, ok := errors.AsType[*PlaceError](err)
		switch {
		case ok != (c.hidden != ""):
			t.Errorf("%s: %v", name, err)
		case ok && (place.Path != c.hidden || place.Dir != "/tmp" || !strings.Contains(err.Error(), `plugin "hub"`) || !strings.Contains(err.Error(), "move the project to another directory")):
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := shown("hub", nil); err != nil {
		t.Errorf("a program: %v", err)
	}
}
