// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

var loaderMissing = check.Check{
	Code: "python.loader-missing", Title: "Python cannot start on this system", Area: areaPython,
	Needs: []string{observed.Envs},
	Doc: check.Doc{
		Meaning:    "The interpreter was built for ordinary Linux systems, and the loader that it names is not on this one. The shell says \"No such file or directory\" or \"required file not found\" though the file is there, NixOS that it \"cannot run dynamically linked executables\".",
		Detection:  "The program header of the interpreter names its loader in /lib64, which is not there while glibc is in none of its usual places, or is a link to the stub of NixOS. With nix-ld in that place nothing is said.",
		Cause:      "NixOS keeps its loaders in its store, and musl systems such as Alpine have another one. uv, conda and pyenv bring programs for glibc.",
		Fix:        "On NixOS enable programs.nix-ld, or take the Python of nixpkgs; on Alpine take its own Python, or an image with glibc.",
		Verify:     "Start the interpreter with --version.",
		References: []string{"https://wiki.nixos.org/wiki/Nix-ld", "https://nix.dev/guides/faq#how-to-run-non-nix-executables", "https://docs.astral.sh/uv/concepts/python-versions/"},
	},
	Run: perEnvironment(func(e *environment) {
		l, ok := get[observed.ProgramLoader](e, observed.Loader)
		if !ok {
			return
		}
		f := check.Finding{
			Detail:   fmt.Sprintf("%s names the loader %s, which is not there.", e.Python, l.Path),
			Cause:    "The system has no glibc in the usual places, and the interpreter was built for one that has.",
			Evidence: e.ctx.Evidence(e.at(observed.Loader)),
			Explains: []string{codeTorchNotLoadable, codeNotLoadable, codeWrongWheel, codeKernelBroken, codeEditor},
			Remedies: []check.Remedy{{
				ID: "provide-loader", Kind: check.Advice, Risk: check.Low,
				Summary: "On NixOS set programs.nix-ld.enable = true, or make the environment with the Python of nixpkgs; on a system with musl use its own Python or an image with glibc.",
			}},
			Verify: []string{quote(e.Python) + " --version"},
		}
		if l.Link != "" {
			f.Detail = fmt.Sprintf("%s names the loader %s, which is a link to %s: the stub that refuses programs made for other systems.", e.Python, l.Path, l.Link)
			f.Cause = "NixOS has no loader for such programs unless nix-ld is enabled."
		}
		e.report(f)
	}),
}
