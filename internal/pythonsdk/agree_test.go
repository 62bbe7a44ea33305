// SPDX-License-Identifier: Apache-2.0

package pythonsdk_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/bulkhead-ml/bulkhead/sdk/arena"
	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

const (
	repo     = "../.."
	sdk      = repo + "/sdk/python"
	source   = sdk + "/src/bulkhead/"
	examples = repo + "/examples/"
)

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.FromSlash(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Everything that both SDKs must say is said alike.
func TestSameAsGo(t *testing.T) {
	for file, words := range map[string][]string{
		source + "_version.py": {`VERSION = "` + version.Version + `"`},
		source + "serving.py": {
			`COOKIE = ("` + handshake.MagicCookieKey + `", "` + handshake.MagicCookieValue + `")`,
			"MAX_MESSAGE_BYTES = " + strconv.Itoa(plugin.MaxMessageBytes>>20) + " << 20",
			`"1|` + strconv.Itoa(handshake.ProtocolVersion) + `|{}|{}|grpc`,
		},
		source + "batches.py": {
			"MAX_ROWS = " + strconv.Itoa(table.MaxRows>>10) + " << 10", "MAX_BYTES = " + strconv.Itoa(table.MaxBytes>>20) + " << 20",
			`_ROLE = b"` + table.RoleKey + `"`,
		},
		source + "files.py": {
			`ENV_FD = "` + arena.EnvFD + `"`, "HELLO_FILES, FILE = " + strconv.Itoa(int(arena.HelloFiles)) + ", " + strconv.Itoa(int(arena.File)),
			"MESSAGE_BYTES = " + strconv.Itoa(arena.MessageBytes),
		},
		source + "results.py": {
			"MAX_REPORT_BYTES = " + strconv.Itoa(kernel.MaxReportBytes>>20) + " << 20", "MAX_RESULTS_BYTES = " + strconv.Itoa(kernel.MaxResultsBytes>>20) + " << 20",
		},
		sdk + "/pyproject.toml": {`dynamic = ["version"]`, `version = { attr = "bulkhead._version.VERSION" }`},
	} {
		text := read(t, file)
		for _, want := range words {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %s", file, want)
			}
		}
	}
	if read(t, sdk+"/LICENSE") != read(t, repo+"/LICENSE") {
		t.Error("the licence of the SDK is another one")
	}
}

// The generated Python code holds the messages of the .proto files as they are now.
func TestGeneratedCodeIsFresh(t *testing.T) {
	for _, want := range []protoreflect.FileDescriptor{
		pluginv1.File_bulkhead_plugin_v1_schema_proto, pluginv1.File_bulkhead_plugin_v1_plugin_proto,
		pluginv1.File_bulkhead_plugin_v1_doctor_proto, pluginv1.File_bulkhead_plugin_v1_kernel_proto,
	} {
		name := strings.TrimSuffix(filepath.Base(want.Path()), ".proto") + "_pb2.py"
		t.Run(name, func(t *testing.T) {
			text := read(t, source+"plugin/v1/"+name)
			m := regexp.MustCompile(`AddSerializedFile\(b'((?:[^'\\]|\\.)*)'\)`).FindStringSubmatch(text)
			if m == nil {
				t.Fatal("there is no descriptor in it")
			}
			got := &descriptorpb.FileDescriptorProto{}
			if err := proto.Unmarshal(pythonBytes(t, m[1]), got); err != nil {
				t.Fatal(err)
			}
			told := protodesc.ToFileDescriptorProto(want)
			if withoutNames(got); !proto.Equal(got, withoutNames(told)) {
				t.Errorf("it is not what %s gives; run sdk/python/generate.sh", want.Path())
			}
			if strings.Contains(text, "runtime_version") {
				t.Error("it refuses other versions of protobuf; generate.sh takes that out")
			}
		})
	}
}

// pythonBytes reads what stands in a bytes literal.
func pythonBytes(t *testing.T, literal string) []byte {
	t.Helper()
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(literal, `\'`, `'`) + `"`)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(text)
}

// withoutNames leaves out the names in JSON, which some generators add.
func withoutNames(file *descriptorpb.FileDescriptorProto) *descriptorpb.FileDescriptorProto {
	var in func(messages []*descriptorpb.DescriptorProto)
	in = func(messages []*descriptorpb.DescriptorProto) {
		for _, m := range messages {
			for _, f := range m.GetField() {
				f.JsonName = nil
			}
			in(m.GetNestedType())
		}
	}
	in(file.GetMessageType())
	return file
}

// A working check takes at most 30 lines, and a kernel 60.
func TestExamplesAreShort(t *testing.T) {
	for name, most := range map[string]int{"hello-python-check/hello_check.py": 30, "hello-python-kernel/hello_kernel.py": 60, "hello-python-tables/hello_tables.py": 60} {
		if n := strings.Count(read(t, examples+name), "\n"); n > most {
			t.Errorf("%s has %d lines, and at most %d are promised", name, n, most)
		}
	}
}

// The pages show the example that is there.
func TestPagesShowTheExample(t *testing.T) {
	_, code, _ := strings.Cut(read(t, examples+"hello-python-check/hello_check.py"), "\"\"\"\n\n")
	for _, page := range []string{sdk + "/README.md", repo + "/docs/python-plugins.md"} {
		if !strings.Contains(read(t, page), code) {
			t.Errorf("%s shows another check than examples/hello-python-check", page)
		}
	}
	_, sink, _ := strings.Cut(read(t, examples+"hello-python-tables/hello_tables.py"), "class WriteParquet")
	sink, _, _ = strings.Cut(sink, "\n\n\nif __name__")
	if page := repo + "/docs/python-plugins.md"; sink == "" || !strings.Contains(read(t, page), "class WriteParquet"+sink) {
		t.Errorf("%s shows another sink than examples/hello-python-tables", page)
	}
}
