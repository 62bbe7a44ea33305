// SPDX-License-Identifier: Apache-2.0

package fakeenv

import (
	"fmt"
	"testing"
)

// Large builds /opt/env as a working environment has it: 250 distributions,
// torch with its nvidia packages (about 30 shared libraries in its closure),
// 60 files and 16 requirements for each of the others.
func Large(tb testing.TB) *Tree {
	tb.Helper()
	const ordinaries = 225
	tr := New(tb)
	site := tr.Venv("/opt/env", "3.11.7")
	tr.installCUDA(site, 24)
	for i := range ordinaries {
		tr.Install(site, ordinary(i, ordinaries))
	}
	return tr
}

// installCUDA adds torch and parts nvidia packages that it pins.
func (tr *Tree) installCUDA(site string, parts int) {
	tr.tb.Helper()
	torch := Torch{Version: "2.5.1+cu124", CUDA: "12.4"}
	for i := range parts {
		file := fmt.Sprintf("libcupart%d.so.12", i)
		tr.InstallLibrary(site, fmt.Sprintf("nvidia-part%d-cu12", i), "12.4.127", fmt.Sprintf("nvidia/part%d/lib/%s", i, file),
			Library{Soname: file, Needed: []string{"libc.so.6", "libm.so.6"}, Padding: 1 << 16})
		torch.Needs = append(torch.Needs, file)
		torch.RPath += fmt.Sprintf("$ORIGIN/../../nvidia/part%d/lib:", i)
		torch.Requires = append(torch.Requires,
			fmt.Sprintf(`nvidia-part%d-cu12==12.4.127; platform_system == "Linux" and platform_machine == "x86_64"`, i))
	}
	tr.InstallTorch(site, torch)
}

// ordinary is a distribution with 4 requirements that apply and 12 that do not.
func ordinary(i, of int) Dist {
	name := fmt.Sprintf("package%d", i)
	files := map[string][]byte{name + "/__init__.py": []byte("__version__ = '1.2.3'\n")}
	for j := range 60 {
		files[fmt.Sprintf("%s/sub%d/module%d.py", name, j%5, j)] = []byte("x = 1\n")
	}
	if i%8 == 0 {
		files[name+"/_native.cpython-311-x86_64-linux-gnu.so"] = Library{Needed: []string{"libc.so.6"}}.Bytes()
	}
	d := Dist{Name: name, Version: "1.2.3", RequiresPython: ">=3.9", Files: files}
	for j := range 4 {
		d.Requires = append(d.Requires, fmt.Sprintf(`package%d>=1.0,<3`, (i+j+1)%of))
	}
	for j := range 12 {
		d.Requires = append(d.Requires, fmt.Sprintf(`pytest-%d>=7.%d; extra == "dev"`, j, j))
	}
	return d
}
