// SPDX-License-Identifier: Apache-2.0

package machinetree

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// python is the state of root.python: where distributions go.
type python struct {
	*builder
	site  string // directory of packages
	conda string // prefix of the conda environment, or ""
	minor string // "3.12"
	depth int    // of use
}

func pythonRecipe(b *builder, ls []line) error {
	p := &python{builder: b}
	return p.statements(blocks(ls))
}

func (p *python) statements(list []block) error {
	for _, s := range list {
		if err := p.statement(s); err != nil {
			return s.at(err)
		}
	}
	return nil
}

func (p *python) statement(s block) error {
	list, err := words(s.text)
	if err != nil {
		return err
	}
	if len(list) < 2 {
		return fmt.Errorf("%.80q needs a word behind it", s.text)
	}
	switch list[0] {
	case "interpreter", "standalone", "conda", "venv", "site":
		if len(s.props) > 0 {
			return fmt.Errorf("%s has no properties", list[0])
		}
		return p.environment(list[0], list[1], list[2:])
	case "use":
		return p.use(list[1])
	case "dist":
		return p.dist(list[1], list[2:], s.props)
	case "torch":
		return p.torch(list[1], list[2:], s.props)
	case "fill":
		return p.fill(list[1], list[2:])
	}
	return fmt.Errorf("%.80q is no statement of root.python", list[0])
}

func (p *python) use(name string) error {
	ls, ok := p.python[name]
	if !ok {
		return fmt.Errorf("no part has a file python/%.80s", name)
	}
	if p.depth++; p.depth > 8 {
		return errors.New("use within use within use: more than 8 deep")
	}
	defer func() { p.depth-- }()
	return p.statements(blocks(ls))
}

// environment makes an interpreter or an environment, into which what follows
// is installed.
func (p *python) environment(kind, prefix string, rest []string) error {
	o, err := options(rest, "version", "managed", "headers", "home", "system", "uv", "prompt", "loader")
	if err != nil {
		return err
	}
	if kind == "site" {
		p.site, p.conda = prefix, ""
		return p.tree.dir(prefix)
	}
	parts := strings.SplitN(o["version"], ".", 3)
	if len(parts) != 3 {
		return fmt.Errorf("version=%.20s: give three numbers such as 3.12.3", o["version"])
	}
	p.minor, p.conda = parts[0]+"."+parts[1], ""
	p.site = path.Join(prefix, "lib/python"+p.minor, "site-packages")
	switch kind {
	case "venv":
		return p.venv(prefix, o)
	case "conda":
		p.conda = prefix
		return errors.Join(p.install(prefix, o), p.condaBase(prefix, o["version"]))
	case "interpreter":
		p.site = path.Join(prefix, "lib/python3/dist-packages")
	}
	return p.install(prefix, o)
}

// install makes an interpreter with a standard library and headers.
func (p *python) install(prefix string, o map[string]string) error {
	dir := path.Join(prefix, "lib/python"+p.minor)
	errs := []error{
		p.tree.file(path.Join(prefix, "bin/python"+p.minor), library{machine: p.machine, needed: []string{"libc.so.6"}, interp: o["loader"]}.bytes()),
		p.tree.link(path.Join(prefix, "bin/python3"), "python"+p.minor),
		p.tree.text(path.Join(dir, "os.py"), "# os.py\n"),
		p.tree.dir(path.Join(dir, "lib-dynload")),
		p.tree.dir(p.site),
	}
	if o["headers"] != "no" {
		include := path.Join(prefix, "include/python"+p.minor)
		errs = append(errs, p.tree.text(path.Join(include, "Python.h"), "#define Py_PYTHON_H\n"),
			p.tree.text(path.Join(include, "patchlevel.h"), "#define PY_VERSION              \""+o["version"]+"\"\n"))
	}
	if o["managed"] == "yes" {
		errs = append(errs, p.tree.text(path.Join(dir, "EXTERNALLY-MANAGED"), "[externally-managed]\nError=To install Python packages system-wide, try apt install\n python3-xyz.\n"))
	}
	return errors.Join(errs...)
}

func (p *python) venv(prefix string, o map[string]string) error {
	home := or(o["home"], "/usr/bin")
	system := "false"
	if o["system"] == "yes" {
		system = "true"
	}
	config := fmt.Sprintf("home = %s\ninclude-system-site-packages = %s\nversion = %s\nexecutable = %s/python%s\ncommand = %s/python3 -m venv %s\n",
		home, system, o["version"], home, p.minor, home, prefix)
	if uv := o["uv"]; uv != "" {
		config = fmt.Sprintf("home = %s\nimplementation = CPython\nuv = %s\nversion_info = %s\ninclude-system-site-packages = %s\n", home, uv, o["version"], system)
	}
	return errors.Join(
		p.tree.text(path.Join(prefix, "pyvenv.cfg"), config),
		p.tree.link(path.Join(prefix, "bin/python3"), path.Join(home, "python"+p.minor)),
		p.tree.link(path.Join(prefix, "bin/python"), "python3"),
		p.tree.dir(p.site),
	)
}

// condaBase makes what marks a conda environment.
func (p *python) condaBase(prefix, version string) error {
	return errors.Join(
		p.tree.text(path.Join(prefix, "conda-meta/history"), "==> 2025-05-02 09:12:44 <==\n# cmd: conda create python="+p.minor+"\n"),
		p.condaRecord("python", version),
	)
}

func (p *python) condaRecord(name, version string) error {
	return p.tree.text(path.Join(p.conda, "conda-meta", name+"-"+version+"-h0_0.json"),
		fmt.Sprintf("{\"name\": %q, \"version\": %q, \"build\": \"h0_0\", \"channel\": \"https://conda.anaconda.org/conda-forge/linux-64\", \"files\": []}\n", name, version))
}

// maxFill bounds fill.
const maxFill = 2000

// fill installs ordinary distributions, each needing the next two.
func (p *python) fill(text string, rest []string) error {
	n, err := strconv.Atoi(text)
	o, optErr := options(rest, "files")
	files, filesErr := strconv.Atoi(or(o["files"], "20"))
	if err = errors.Join(err, optErr, filesErr); err != nil {
		return err
	}
	if n < 1 || n > maxFill || files < 0 || n*files > maxEntries {
		return fmt.Errorf("fill %d with %d files each: give at most %d", n, files, maxFill)
	}
	for i := range n {
		name := fmt.Sprintf("package%03d", i)
		d := &distribution{name: name, version: "1.2." + strconv.Itoa(i%10), requiresPython: ">=3.9"}
		for j := 1; j <= 2; j++ {
			d.requires = append(d.requires, fmt.Sprintf("package%03d>=1.0,<2", (i+j)%n))
		}
		d.requires = append(d.requires, `pytest>=7; extra == "test"`)
		for j := range files {
			d.files = append(d.files, wheelFile{name: fmt.Sprintf("%s/module%d.py", name, j), data: []byte("VALUE = " + strconv.Itoa(j) + "\n")})
		}
		if err := p.write(d); err != nil {
			return err
		}
	}
	return nil
}
