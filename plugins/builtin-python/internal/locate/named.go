// SPDX-License-Identifier: Apache-2.0

package locate

import (
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// interpreterName matches the file names of interpreters of Python.
var interpreterName = pattern.Lazy(`^(?:python|pypy)[0-9.]*t?(?:\.exe)?$`)

// grantedName matches those of them that the plugin's grants give.
var grantedName = pattern.Lazy(`^python[0-9.]*t?(?:\.exe)?$`)

// stateOf tells what became of an interpreter or an environment's directory
// that some file names, and the prefix that it belongs to.
func stateOf(t *fact.Target, file string) (state, prefix string) {
	if !path.IsAbs(file) || strings.ContainsAny(file, "${}") {
		return observed.InterpreterUnseen, ""
	}
	file = path.Clean(file)
	env, ok := open(t, candidate{path: file})
	switch {
	case !ok:
		return absence(t, file), ""
	case env.Python != "" && !t.Exists(env.Python): // a link that leads nowhere
		env.Link = env.follow(t)
		return absence(t, env.Link.Target), env.Prefix
	}
	return observed.InterpreterOK, env.Prefix
}

// absence tells whether an interpreter that is not seen is certainly not there.
func absence(t *fact.Target, file string) string {
	if grantedName().MatchString(path.Base(file)) && (isGranted(t, file) || coveredByPlaces(t, file)) {
		return observed.InterpreterMissing
	}
	return observed.InterpreterUnseen
}
