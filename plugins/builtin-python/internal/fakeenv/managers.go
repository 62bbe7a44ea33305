// SPDX-License-Identifier: Apache-2.0

package fakeenv

import (
	"path"
	"strings"
)

// VenvAt makes a virtual environment of /usr/bin/python3 without activating it.
// The result is its directory of packages.
func (tr *Tree) VenvAt(prefix, version string) string {
	tr.tb.Helper()
	active, was := tr.Target.Env["VIRTUAL_ENV"]
	site := tr.Venv(prefix, version)
	delete(tr.Target.Env, "VIRTUAL_ENV")
	if was {
		tr.Target.Env["VIRTUAL_ENV"] = active
	}
	return site
}

// UVVenv makes a virtual environment as uv does, of a Python that uv installed.
func (tr *Tree) UVVenv(prefix, version string) string {
	tr.tb.Helper()
	base := tr.UVPython(version)
	site := tr.VenvAt(prefix, version)
	tr.Text(prefix+"/pyvenv.cfg", "home = "+base+"/bin\nimplementation = CPython\nuv = 0.8.0\nversion_info = "+version+"\ninclude-system-site-packages = false\n")
	tr.Remove(prefix + "/bin/python3")
	tr.Link(prefix+"/bin/python3", base+"/bin/python"+minorOf(version))
	return site
}

// UVPython installs an interpreter as uv does and returns its prefix.
func (tr *Tree) UVPython(version string) string {
	tr.tb.Helper()
	prefix := path.Join(tr.Target.Home, ".local/share/uv/python/cpython-"+version+"-linux-x86_64-gnu")
	tr.Interpreter(prefix, version)
	return prefix
}

// Interpreter installs PREFIX/bin/python3.N with links and a standard library.
// The result is its directory of packages.
func (tr *Tree) Interpreter(prefix, version string) string {
	tr.tb.Helper()
	name := "python" + minorOf(version)
	tr.Text(prefix+"/bin/"+name, "")
	tr.replaceLink(prefix+"/bin/python3", name)
	tr.replaceLink(prefix+"/bin/python", "python3")
	tr.Text(prefix+"/lib/"+name+"/os.py", "")
	site := prefix + "/lib/" + name + "/site-packages"
	tr.Text(site+"/README.txt", "")
	return site
}

func (tr *Tree) replaceLink(name, target string) {
	tr.tb.Helper()
	tr.Remove(name)
	tr.Link(name, target)
}

// Conda makes a conda environment with Python in it. The result is its
// directory of packages.
func (tr *Tree) Conda(prefix, version string) string {
	tr.tb.Helper()
	site := tr.Interpreter(prefix, version)
	tr.Text(prefix+"/conda-meta/history", "")
	tr.CondaPackage(prefix, "python", version, "h955ad1f_0_cpython")
	return site
}

// CondaPackage adds conda's own record of a package.
func (tr *Tree) CondaPackage(prefix, name, version, build string) {
	tr.tb.Helper()
	tr.Text(prefix+"/conda-meta/"+name+"-"+version+"-"+build+".json", `{"name": "`+name+`", "version": "`+version+`"}`)
}

// Kernel adds a kernelspec below a directory such as ~/.local/share/jupyter.
func (tr *Tree) Kernel(data, name, interpreter string) {
	tr.tb.Helper()
	tr.Text(data+"/kernels/"+name+"/kernel.json", "{\n \"argv\": [\n  \""+interpreter+"\",\n  \"-m\", \"ipykernel_launcher\", \"-f\", \"{connection_file}\"\n ],\n"+
		" \"display_name\": \"Python ("+name+")\",\n \"language\": \"python\"\n}\n")
}

func minorOf(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:2], ".")
}
