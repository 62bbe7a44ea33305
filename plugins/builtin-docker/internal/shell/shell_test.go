// SPDX-License-Identifier: Apache-2.0

package shell

import (
	"strings"
	"testing"
)

// describe writes tokens as w:word r:op c:op, separated by spaces.
func describe(tokens []Token) string {
	var out []string
	for _, t := range tokens {
		kind := map[Kind]string{Word: "w:", Redirect: "r:", Control: "c:"}[t.Kind]
		if t.Numbered {
			kind = "n:"
		}
		out = append(out, kind+strings.ReplaceAll(t.Text, "\n", `\n`))
	}
	return strings.Join(out, " ")
}

func TestTokenize(t *testing.T) {
	for _, tt := range []struct{ script, want string }{
		{`pip install torch`, `w:pip w:install w:torch`},
		{`torch>=2.4`, `w:torch r:> w:=2.4`},
		{`torch2>1`, `w:torch2 r:> w:1`},
		{`2>&1`, `n:>& w:1`},
		{`'torch>=2.4' "numpy<2"`, `w:torch>=2.4 w:numpy<2`},
		{`torch\>=2.4`, `w:torch>=2.4`},
		{`a"b c"'d'\ e`, `w:ab cd e`},
		{`echo $(pip install "a>1") b`, `w:echo w:$(pip install "a>1") w:b`},
		{"echo `a > b` c", "w:echo w:`a > b` w:c"},
		{`echo ${X:-a>b}`, `w:echo w:${X:-a>b}`},
		{`a && b || c; d | e & f`, `w:a c:&& w:b c:|| w:c c:; w:d c:| w:e c:& w:f`},
		{"a # x > y\nb", `w:a c:\n w:b`},
		{`a#b`, `w:a#b`},
		{"a \\\n b", `w:a w:b`},
		{`diff <(a) >(b)`, `w:diff w:<(a) w:>(b)`},
		{`cmd &> log`, `w:cmd r:&> w:log`},
		{"cat <<EOF > f\nx > 2\nEOF\nb", `w:cat r:<< w:EOF r:> w:f c:\n w:b`},
		{"cat <<-'E'\n\tx > 2\n\tE\nb", `w:cat r:<<- w:E c:\n w:b`},
		{`"unfinished > `, `w:unfinished > `},
	} {
		if got := describe(Tokenize(tt.script)); got != tt.want {
			t.Errorf("Tokenize(%q)\n got %s\nwant %s", tt.script, got, tt.want)
		}
	}
}

func TestFindLost(t *testing.T) {
	for _, tt := range []struct {
		script string
		want   string // requirements, separated by "; "
	}{
		{`pip install torch>=2.4`, "torch>=2.4"},
		{`pip install torch>2`, "torch>2"},
		{`pip install numpy<2`, "numpy<2"},
		{`pip install numpy<=1.26.4`, "numpy<=1.26.4"},
		{`pip install torch>=2.4,<2.6`, "torch>=2.4,<2.6"},
		{`pip install torch>=2.4 numpy<2 pandas`, "torch>=2.4; numpy<2"},
		{`pip install torch >= 2.4`, "torch>=2.4"},
		{`pip install torch >=2.4`, "torch>=2.4"},
		{`pip install torch > 2.4`, "torch>2.4"},
		{`pip install transformers[torch]>=4.44.0`, "transformers[torch]>=4.44.0"},
		{`pip install "torch">=2.4`, "torch>=2.4"},
		{`pip install torch>=${TORCH_VERSION}`, "torch>=${TORCH_VERSION}"},
		{`pip3.11 install -U torch>=2.4`, "torch>=2.4"},
		{`python3 -m pip install --no-cache-dir torch>=2.4`, "torch>=2.4"},
		{`/opt/venv/bin/python -I -m pip install torch>=2.4`, "torch>=2.4"},
		{`uv pip install --system torch>=2.4`, "torch>=2.4"},
		{`uv add torch>=2.4`, "torch>=2.4"},
		{`conda install -y python>=3.10`, "python>=3.10"},
		{`micromamba create -n x numpy<2`, "numpy<2"},
		{`sudo -H pip install torch>=2.4`, "torch>=2.4"},
		{`PIP_NO_INPUT=1 pip install torch>=2.4`, "torch>=2.4"},
		{`if ! pip install torch>=2.4; then exit 1; fi`, "torch>=2.4"},
		{`apt-get update && (pip install torch>=2.4)`, "torch>=2.4"},
		{`bash -lc "pip install torch>=2.4"`, "torch>=2.4"},
		{`sh -c 'pip install "a>=1" b>=2'`, "b>=2"},

		{`pip install "torch>=2.4"`, ""},
		{`pip install 'torch>=2.4,<3'`, ""},
		{`pip install torch\>=2.4`, ""},
		{`pip install torch==2.4 numpy~=1.26 x!=2`, ""},
		{`pip install torch > install.log`, ""},
		{`pip install torch > install.log 2>&1`, ""},
		{`pip install torch 2>/dev/null`, ""},
		{`pip install torch >/dev/null`, ""},
		{`pip install torch >> 2.4`, ""},
		{`pip install torch>$LOG`, ""},
		{`pip install -r requirements.txt > 2`, ""},
		{`pip install -r requirements.txt < 2`, ""},
		{`pip install torch # >=2.4`, ""},
		{`pip freeze >2`, ""},
		{`echo torch>=2.4`, ""},
		{`echo "pip install torch>=2.4"`, ""},
		{`apt-get install -y gcc>2`, ""},
		{"cat <<EOF\npip install torch>=2.4\nEOF", ""},
	} {
		var got []string
		for _, l := range FindLost(tt.script) {
			got = append(got, l.Requirement)
		}
		if s := strings.Join(got, "; "); s != tt.want {
			t.Errorf("FindLost(%q) = %q, want %q", tt.script, s, tt.want)
		}
	}
}

func TestFindLostPlace(t *testing.T) {
	for _, tt := range []struct{ script, text, quote, installer string }{
		{`RUN=1 pip install a torch>=2.4,<3 b`, `torch>=2.4,<3`, "", "pip install"},
		{`uv pip install torch >= 2.4 b`, `torch >= 2.4`, "", "uv pip install"},
		{`bash -c "pip install torch>=2.4 b"`, `torch>=2.4`, `"`, "pip install"},
		{`sh -c 'pip install torch>2'`, `torch>2`, `'`, "pip install"},
	} {
		found := FindLost(tt.script)
		if len(found) != 1 {
			t.Fatalf("FindLost(%q) = %v", tt.script, found)
		}
		l := found[0]
		quote := ""
		if l.Quote != 0 {
			quote = string(l.Quote)
		}
		if tt.script[l.Start:l.End] != tt.text || quote != tt.quote || !l.Exact || l.Installer != tt.installer {
			t.Errorf("FindLost(%q) is at %q, quote %q, %+v", tt.script, tt.script[l.Start:l.End], quote, l)
		}
	}
}

// FuzzTokenize checks that tokens lie in order inside of the script, that they
// are not empty, and that what lies between them is space, comments or bodies.
func FuzzTokenize(f *testing.F) {
	for _, s := range []string{
		`pip install torch>=2.4,<3 && echo "$(a 'b')"`, "cat <<-E > f\n\tx\n\tE\n", "a\\\nb `c` ${d:-'}'}", `bash -c "pip install \"a>1\" b>2"`,
		"2>&1 &>> <( )> <<<", `"`, `'`, "\\", "$(", "<<", "0<0(",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, script string) {
		at := 0
		for _, token := range Tokenize(script) {
			if token.Start < at || token.End <= token.Start || token.End > len(script) {
				t.Fatalf("token %+v out of order after %d in %q", token, at, script)
			}
			at = token.End
		}
		for _, l := range FindLost(script) {
			if l.Start < 0 || l.End <= l.Start || l.End > len(script) || l.Requirement == "" || l.Installer == "" {
				t.Fatalf("%+v does not fit %q", l, script)
			}
		}
	})
}
