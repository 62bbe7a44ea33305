// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/plugin"
)

// tree makes files below a new directory; a name that ends in a slash is a
// directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// sources are what an import would be granted.
func sources(s script, o Options, i *plugin.Interpreter) string {
	var out []string
	for _, b := range s.binds(&o, i) {
		out = append(out, b.Source)
	}
	return strings.Join(out, "\n") + "\n"
}

func TestAHomeIsNotGranted(t *testing.T) {
	home := tree(t, map[string]string{
		".ssh/id_rsa": "KEY", ".netrc": "KEY", "notes.txt": "KEY", "data/file": "KEY",
		"tool.py": "", "pkg/__init__.py": "", "lib.so.1": "", ".hidden/__init__.py": "",
	})
	if err := os.Symlink("notes.txt", filepath.Join(home, "linked.py")); err != nil {
		t.Skip(err)
	}
	if err := os.Symlink("/etc/hostname", filepath.Join(home, "away.py")); err != nil {
		t.Fatal(err)
	}
	fine := filepath.Join(home, "data")
	for name, o := range map[string]Options{
		"project":      {Project: home},
		"python path":  {Env: map[string]string{"PYTHONPATH": home}},
		"loader":       {Env: map[string]string{"LD_LIBRARY_PATH": fine + ":" + home}},
		"relative":     {Env: map[string]string{"PYTHONPATH": ".."}, Project: fine},
		"of an other":  {Env: map[string]string{"PYTHONPATH": home}, Home: "/elsewhere"},
		"through root": {Env: map[string]string{"PYTHONPATH": "/:/etc:" + home}},
	} {
		t.Run(name, func(t *testing.T) {
			if o.Home == "" {
				o.Home = home
			}
			got := sources(script{project: o.Project}, o, &plugin.Interpreter{Version: "3.12"})
			for _, want := range []string{"/tool.py\n", "/pkg\n", "/lib.so.1\n"} {
				if !strings.Contains(got, home+want) {
					t.Errorf("%s is missing in\n%s", want, got)
				}
			}
			for _, secret := range []string{home + "\n", ".ssh", ".netrc", "notes", "hidden", "away.py", "\n/\n", "/etc\n"} {
				if strings.Contains("\n"+got, secret) {
					t.Errorf("%q is granted:\n%s", secret, got)
				}
			}
		})
	}
}

// `python3 -m venv ~` makes the home an environment.
func TestAnEnvironmentThatIsTheHome(t *testing.T) {
	home := tree(t, map[string]string{"pyvenv.cfg": "", "bin/python": "", "lib/x": "", ".ssh/id": "", "thesis": ""})
	got := sources(script{}, Options{Home: home}, &plugin.Interpreter{Libraries: []string{home}, Version: "3.12"})
	if !strings.Contains(got, home+"/lib\n") || !strings.Contains(got, home+"/pyvenv.cfg\n") || strings.Contains(got, home+"\n") || strings.Contains(got, "thesis") {
		t.Error(got)
	}
}

func TestWhatAnEnvironmentLinksTo(t *testing.T) {
	src := tree(t, map[string]string{
		"old/pkg/__init__.py": "", "new/pyproject.toml": "", "keys/id_rsa": "", "file": "",
	})
	env := tree(t, map[string]string{
		"lib/python3.12/site-packages/easy-install.pth":              "# a comment\nimport os; evil()\n" + src + "/old\n" + src + "/keys\n/\n\x00\n" + src + "/file",
		"lib/python3.12/site-packages/a-1.dist-info/direct_url.json": `{"url": "file://` + src + `/new", "dir_info": {"editable": true}}`,
		"lib/python3.12/site-packages/b-1.dist-info/direct_url.json": `{"url": "file://` + src + `/keys", "dir_info": {"editable": true}}`,
		"lib/python3.12/site-packages/c-1.dist-info/direct_url.json": `{"url": "https://x/` + src + `/new", "dir_info": {"editable": true}}`,
		"lib/python3.12/site-packages/d-1.dist-info/direct_url.json": `[`,
	})
	got := linked(&plugin.Interpreter{Libraries: []string{env}, Version: "3.12"}, "/nowhere")
	slices.Sort(got)
	if want := []string{src + "/new", src + "/old"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestVariables(t *testing.T) {
	o := &Options{Home: "/home/ada", Project: "/work", Env: map[string]string{
		"PATH": "/bin", "USER": "ada", "CUDA_VISIBLE_DEVICES": "0", "TF_CPP_MIN_LOG_LEVEL": "3", "LD_LIBRARY_PATH": "/a::lib:", "PYTHONPATH": "src:/b",
		"NVIDIA_API_KEY": "x", "TF_VAR_db": "x", "TF_TOKEN_app_terraform_io": "x", "JAX_AUTH_TOKEN": "x", "AWS_SECRET_ACCESS_KEY": "x", "OTHER": "x",
		"CUDA_CACHE_PATH": "/x", "PYTORCH_PASSWORD": "x",
	}}
	got := strings.Join(script{}.environment(o, &plugin.Interpreter{Env: []string{"LD_LIBRARY_PATH=/py/lib"}}), " ")
	want := "CUDA_VISIBLE_DEVICES=0 HF_HUB_OFFLINE=1 HOME=/home/ada LD_LIBRARY_PATH=/a:/work:/work/lib:/work:/py/lib PATH=/bin " +
		"PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/work/src:/b TF_CPP_MIN_LOG_LEVEL=3 USER=ada"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func FuzzLinks(f *testing.F) {
	f.Add([]byte("/a\nimport x\n../b"))
	f.Add([]byte(`{"url":"file:///a","dir_info":{"editable":true}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, dir := range append(pathLines(text, "/site"), inPlace(text)...) {
			if !filepath.IsAbs(dir) || strings.ContainsRune(dir, 0) || filepath.Clean(dir) != dir {
				t.Errorf("%q", dir)
			}
		}
	})
}
