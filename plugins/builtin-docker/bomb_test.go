// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// TestBombs gives the readers of the project files, as large as they are read,
// that are made to be slow.
func TestBombs(t *testing.T) {
	const n = maxDockerfile - 100
	in := func(name, text string) string { return "-- home/ada/train/" + name + " --\n" + text + "\n" }
	for name, tree := range map[string]string{
		"continuations":                 in("Dockerfile", "FROM a\nRUN x "+strings.Repeat("\\\n", n/2)),
		"flags":                         in("Dockerfile", "FROM a\nRUN "+strings.Repeat("--m=1 ", n/6)+"x"),
		"flags on lines":                in("Dockerfile", "FROM a\nRUN "+strings.Repeat("--m=1 \\\n", n/8)+"x"),
		"substitutions":                 in("Dockerfile", "FROM a\nRUN "+strings.Repeat("$(", n/2)),
		"quoted":                        in("Dockerfile", "FROM a\nRUN \""+strings.Repeat("$(", n/2)),
		"quotation marks":               in("Dockerfile", "FROM a\nRUN "+strings.Repeat("\"'", n/2)),
		"here documents":                in("Dockerfile", "FROM a\nRUN "+strings.Repeat("<<a ", n/8)+"\n"+strings.Repeat("b\n", n/8)),
		"shells":                        in("Dockerfile", "FROM a\nRUN "+strings.Repeat("sh -c 'pip install a>1'; ", n/25)),
		"stages":                        in("Dockerfile", strings.Repeat("FROM a\nFROM b AS a\n", n/20)),
		"stages on stages":              in("Dockerfile", "FROM x AS s\n"+strings.Repeat("FROM s AS s\nRUN pip install a\n", n/30)),
		"variables":                     in("Dockerfile", "ARG A=1\nFROM "+strings.Repeat("${A}", n/4)),
		"lost requirements":             in("Dockerfile", "FROM a\nRUN pip install "+strings.Repeat("a>=1 ", n/5)),
		"conda":                         in("Dockerfile", "FROM python\nRUN "+strings.Repeat("conda ", n/6)+"\nRUN pip install onnxruntime-gpu"),
		"installs of cuda":              in("Dockerfile", "FROM python\nRUN "+strings.Repeat("install ", n/8)),
		"compose of anchors":            in("compose.yaml", "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e]\nservices: {x: {image: *f, command: *f}}"),
		"compose that is deep":          in("compose.yaml", "services: "+strings.Repeat("[", 500_000)),
		"compose that is deep by lines": in("compose.yaml", "services:\n"+deep(700)),
		"compose that merges itself":    in("compose.yaml", "services:\n  a: &a\n    <<: *a\n    image: x"),
		"compose of merges":             in("compose.yaml", "x00: &x00 {q: 1}\n"+merges(40)+"services:\n  a:\n    <<: [*x40, *x40]\n    image: x"),
		"devcontainer":                  in(".devcontainer.json", strings.Repeat("/*", 400_000)),
		"devcontainer that is deep":     in(".devcontainer.json", strings.Repeat("[", 1_000_000)),
		"daemon.json that is deep":      runningEngine + "-- etc/docker/daemon.json --\n{\"runtimes\": " + strings.Repeat("{\"a\":", n/5) + "\n",
		"daemon.json of keys":           runningEngine + "-- etc/docker/daemon.json --\n{" + strings.Repeat("\"runtimes\": {\"a\": {}},", n/25) + "\"a\": 1}\n",
		"specification that is deep":    "-- etc/cdi/a.yaml --\n" + strings.Repeat("[", 500_000) + "\n",
		"bytes that are no text":        in("Dockerfile", "FROM \xff\x00\nRUN pip install \xff>=1 a>=\x001 b>=2\n") + in("compose.yaml", "services: {\"\\xff\": {image: \"a\\0b\"}}\n"),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			(machine{tree: tree}).diagnose(t)
			if took := time.Since(start); took > 2*time.Minute {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestLargeDockerfile(t *testing.T) {
	m := machine{tree: inProject("FROM a\nRUN pip install torch>=2\n" + strings.Repeat("# x\n", maxDockerfile/4))}
	set := fact.NewSet(observe(t, m))
	f, _ := set.Lookup(fact.At("dockerfile", "/home/ada/train/Dockerfile", "redirected_requirements"))
	if !strings.Contains(f.Unknown, "bytes, more than") || codes(m.diagnose(t)) != "" {
		t.Errorf("%+v", f)
	}
}

func deep(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i+1) + "a:\n")
	}
	return b.String()
}

// merges are maps that each merge the one before twice.
func merges(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("x" + number(i+1) + ": &x" + number(i+1) + " {<<: [*x" + number(i) + ", *x" + number(i) + "]}\n")
	}
	return b.String()
}

func number(i int) string { return string(rune('0'+i/10)) + string(rune('0'+i%10)) }
