// SPDX-License-Identifier: Apache-2.0

package dockerfile

import (
	"fmt"
	"strings"
	"testing"
)

func TestScripts(t *testing.T) {
	for _, tt := range []struct {
		name, file string
		want       []string // "line:text"
	}{
		{"plain", "FROM a\nRUN echo x\n", []string{"2:echo x"}},
		{"lower case and tabs", "from a\n\trun\techo x", []string{"2:echo x"}},
		{"windows line ends", "FROM a\r\nRUN echo x\r\n", []string{"2:echo x"}},
		{"byte order mark", "\ufeffFROM a\nRUN x", []string{"2:x"}},
		{"comments", "# RUN a\nFROM a\n  # RUN b\nRUN c # d", []string{"4:c # d"}},
		{"continuation", "RUN a \\\n  b \\\n  c\nRUN d", []string{"1:a   b   c", "4:d"}},
		{"comment in continuation", "RUN a \\\n# RUN x\n\n  b", []string{"1:a   b"}},
		{"space after backslash", "RUN a \\  \n b", []string{"1:a  b"}},
		{"doubled backslash", "RUN a \\\\\nRUN b", []string{`1:a \\`, "2:b"}},
		{"flags", "RUN --mount=type=cache,target=/x --network=none pip install y", []string{"1:pip install y"}},
		{"onbuild", "ONBUILD RUN a", []string{"1:a"}},
		{"exec form", `RUN ["pip", "install", "torch>=2"]`, nil},
		{"exec form of a shell", `RUN ["/bin/sh", "-c", "pip install x>=2"]`, []string{"1:pip install x>=2"}},
		{"broken exec form is shell", `RUN ["a", b]`, []string{`1:["a", b]`}},
		{"heredoc", "RUN <<EOF\na\nb\nEOF\nRUN c", []string{"1:<<EOF", "2:a\nb\n", "5:c"}},
		{"heredoc with tabs", "RUN <<-EOF\n\ta\n\tEOF\nRUN c", []string{"1:<<-EOF", "2:\ta\n", "4:c"}},
		{"heredoc for python", "RUN python3 <<EOF\na > 2\nEOF\nRUN c", []string{"1:python3 <<EOF", "4:c"}},
		{"heredoc for bash", "RUN bash -e <<'EOF'\na\nEOF", []string{"1:bash -e <<'EOF'", "2:a\n"}},
		{"heredoc with an interpreter", "RUN <<EOF\n#!/usr/bin/env python3\na\nEOF\nRUN c", []string{"1:<<EOF", "5:c"}},
		{"heredoc with a shell", "RUN <<EOF\n#!/bin/bash\na\nEOF", []string{"1:<<EOF", "2:#!/bin/bash\na\n"}},
		{"copy heredoc", "COPY <<EOF /x\nRUN hidden\nEOF\nRUN a", []string{"4:a"}},
		{"unfinished heredoc", "RUN <<EOF\na", []string{"1:<<EOF", "2:a\n"}},
		{"powershell", "FROM a\nSHELL [\"pwsh\", \"-c\"]\nRUN a\nFROM b\nRUN c", []string{"5:c"}},
		{"bash by SHELL", "SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN a", []string{"2:a"}},
		{"windows image", "FROM mcr.microsoft.com/windows/servercore\nRUN a", nil},
		{"escape directive", "# escape=`\nFROM x\nRUN a `\n b", nil},
		{"unfinished continuation", "RUN a \\", []string{"1:a "}},
		{"empty run", "RUN\nRUN a", []string{"1:", "2:a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, s := range Scripts([]byte(tt.file)) {
				line, _ := s.Position(0)
				got = append(got, fmt.Sprintf("%d:%s", line, s.Text))
			}
			if strings.Join(got, "|") != strings.Join(tt.want, "|") {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestPosition(t *testing.T) {
	const file = "FROM a\nRUN --mount=type=x apt \\\n  # why\n  && pip install \\\n     torch>=2.4\n"
	scripts := Scripts([]byte(file))
	if len(scripts) != 1 {
		t.Fatalf("%d scripts", len(scripts))
	}
	for _, word := range []string{"apt", "pip", "torch>=2.4"} {
		line, column := scripts[0].Position(strings.Index(scripts[0].Text, word))
		if got := Lines([]byte(file))[line-1][column:]; !strings.HasPrefix(got, word) {
			t.Errorf("%q is at line %d, column %d: %q", word, line, column, got)
		}
	}
}

// FuzzScripts checks that every character of a script is where Position says.
func FuzzScripts(f *testing.F) {
	for _, s := range []string{
		"FROM a\nRUN pip install \\\n # c\n torch>=2.4\n", "RUN <<EOF\na\nEOF\n", "# escape=`\nRUN a `\nb", "ONBUILD RUN --a --b c", `RUN ["sh","-c","x"]`,
		"SHELL [\"cmd\"]\nRUN x\r\n", "COPY <<A <<B /\nA\nB\n", "RUN --x", "\ufeffRUN \\\n\\\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		lines := Lines(data)
		for _, s := range Scripts(data) {
			for i := range len(s.Text) {
				line, column := s.Position(i)
				if line < 1 || line > len(lines) {
					t.Fatalf("offset %d is at line %d of %d", i, line, len(lines))
				}
				if s.Exact && s.Text[i] != '\n' && (column >= len(lines[line-1]) || lines[line-1][column] != s.Text[i]) {
					t.Fatalf("offset %d (%q) is not at line %d, column %d", i, s.Text[i], line, column)
				}
			}
		}
	})
}

// TestLongFiles keeps the work linear: a file of many megabytes is read too.
func TestLongFiles(t *testing.T) {
	const lines = 200_000
	for _, file := range []string{
		"RUN " + strings.Repeat("a \\\n", lines), "RUN <<E\n" + strings.Repeat("a\n", lines), strings.Repeat("RUN a\n", lines),
	} {
		if len(Scripts([]byte(file))) == 0 {
			t.Errorf("no script in %.20q", file)
		}
	}
}
