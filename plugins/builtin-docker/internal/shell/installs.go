// SPDX-License-Identifier: Apache-2.0

package shell

import (
	"slices"
	"strings"
)

// Install is one command that installs Python packages with pip or uv.
type Install struct {
	// Start is the byte offset of the command in the script.
	Start int
	// Installer is the command: "pip install".
	Installer string
	// Requirements as they are written, without options and files.
	Requirements []string
	// Indexes are the addresses and directories that the command names.
	Indexes []string
	// Files are those of -r and -c, and the directories of -e.
	Files []string
}

// pipValues are options of pip and uv that take the next word.
var (
	indexOptions = []string{"-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--index", "--default-index", "--torch-backend"}
	fileOptions  = []string{"-r", "--requirement", "--requirements", "-c", "--constraint", "--constraints", "-e", "--editable"}
	wordOptions  = []string{
		"-t", "--target", "--prefix", "--root", "--python", "-p", "--platform", "--python-version", "--implementation", "--abi", "--src", "-b", "--build",
		"--progress-bar", "--log", "--proxy", "--retries", "--timeout", "--trusted-host", "--cert", "--client-cert", "--cache-dir", "--no-binary", "--only-binary",
		"--upgrade-strategy", "--config-settings", "-C", "--global-option", "--report", "--index-strategy", "--extra", "--group", "--upgrade-package",
		"-P", "--reinstall-package", "--prerelease", "--resolution", "--link-mode", "--exclude-newer", "--keyring-provider", "--use-feature", "--exists-action",
	}
)

// FindInstalls lists the commands of a script that install with pip or uv, those
// in sh -c too.
func FindInstalls(script string) []Install { return findInstalls(script, maxDepth) }

func findInstalls(script string, depth int) []Install {
	var out []Install
	for _, command := range commands(Tokenize(script)) {
		words := commandWords(command)
		switch name := installer(words); name {
		case "pip install", "uv pip install", "uv add":
			out = append(out, install(name, words))
		}
		if inner, ok := innerScript(words); ok && depth > 0 {
			for _, i := range findInstalls(inner.Text, depth-1) {
				i.Start = inner.Start
				out = append(out, i)
			}
		}
	}
	return out
}

// install reads the words after the subcommand.
func install(name string, words []Token) Install {
	out := Install{Start: words[0].Start, Installer: name}
	last := name[strings.LastIndexByte(name, ' ')+1:]
	at := slices.IndexFunc(words, func(t Token) bool { return t.Text == last })
	for i := at + 1; i < len(words); i++ {
		option, value, joined := strings.Cut(words[i].Text, "=")
		if !strings.HasPrefix(option, "-") {
			out.Requirements = append(out.Requirements, words[i].Text)
			continue
		}
		list := out.listOf(option)
		if list == nil {
			continue
		}
		if !joined && i+1 < len(words) {
			i++
			value = words[i].Text
		}
		*list = append(*list, value)
	}
	return out
}

// listOf returns where the value of an option belongs; nil for one without.
func (i *Install) listOf(option string) *[]string {
	switch {
	case slices.Contains(indexOptions, option):
		return &i.Indexes
	case slices.Contains(fileOptions, option):
		return &i.Files
	case slices.Contains(wordOptions, option):
		return new([]string)
	}
	return nil
}
