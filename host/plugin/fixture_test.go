// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// The test binary is its own plugin: fixtureEnv says which one.
const fixtureEnv = "TEST_FIXTURE"

// bound is what every launch, call and close of these tests must stay under,
// patience what a start and a call may take: far more than either does on a busy
// machine. A fixture that only waits does so for longer.
const (
	bound    = 2 * time.Minute
	patience = 40 * time.Second
	lifeTime = 5 * time.Minute
)

func TestMain(m *testing.M) {
	sandbox.MaybeInit()
	if kind := os.Getenv(fixtureEnv); kind != "" {
		runFixture(kind)
		return
	}
	code := m.Run()
	RemoveRunDirs()
	for _, cleanup := range afterAll {
		cleanup()
	}
	os.Exit(code)
}

// afterAll is what tests leave to do when the last of them is over.
var afterAll []func()

// runFixture behaves like the plugin named.
func runFixture(kind string) {
	dir := os.Getenv("PLUGIN_UNIX_SOCKET_DIR")
	say := func(line string) {
		fmt.Println(line)
		time.Sleep(lifeTime)
	}
	switch kind {
	case "good":
		serve()
	case "deaf":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
		serve()
	case "exit":
		fmt.Fprintln(os.Stderr, "no licence found")
		os.Exit(3)
	case "panic":
		panic("cannot begin")
	case "silent":
		time.Sleep(lifeTime)
	case "garbage":
		say("Hello, I am a plugin!\x1b[2J")
	case "long":
		say(strings.Repeat("1|1|unix|", 10<<20/9))
	case "tcp":
		say("1|1|tcp|" + os.Getenv("TEST_ADDRESS") + "|grpc")
	case "foreign":
		say("1|1|unix|" + os.Getenv("TEST_ADDRESS") + "|grpc")
	case "traversal":
		say("1|1|unix|" + dir + "/../" + filepath.Base(dir) + "/x|grpc")
	case "symlink":
		_ = os.Symlink(os.Getenv("TEST_ADDRESS"), dir+"/s")
		say("1|1|unix|" + dir + "/s|grpc")
	case "file":
		_ = os.WriteFile(dir+"/f", nil, 0o600)
		say("1|1|unix|" + dir + "/f|grpc")
	case "version":
		say("1|99|unix|" + dir + "/x|grpc")
	case "core":
		say("2|1|unix|" + dir + "/x|grpc")
	case "netrpc":
		say("1|1|unix|" + dir + "/x|netrpc")
	case "certificate":
		say("1|1|unix|" + dir + "/x|grpc|" + strings.Repeat("MIIB", 40))
	case "mute":
		_, _ = net.Listen("unix", dir+"/m")
		say("1|1|unix|" + dir + "/m|grpc")
	case "hasty":
		fmt.Println("1|1|unix|" + dir + "/h|grpc")
		time.Sleep(200 * time.Millisecond)
		if listener, err := net.Listen("unix", dir+"/h"); err == nil {
			server := grpc.NewServer()
			server.RegisterService(&fixtureService, struct{}{})
			_ = server.Serve(listener)
		}
	case "foster": // a child serves the socket, and greets for it
		spawn("child")
		time.Sleep(lifeTime)
	case "child":
		stuck(dir + "/c")
	case "daemon":
		spawn("sleeper")
		serve()
	case "newest":
		serve(7)
	case "both":
		serve(1, 2)
	case "stuck":
		stuck(dir + "/m")
	case "sleeper":
		time.Sleep(lifeTime)
	}
}

// spawn starts a grandchild in a session of its own that holds our output.
func spawn(kind string) {
	exe := os.Getenv("TEST_EXE")
	if exe == "" {
		exe = "/proc/self/exe"
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), fixtureEnv+"="+kind)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = detached()
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "spawn:", err)
	}
}

// stuck accepts connections and says nothing.
func stuck(name string) {
	listener, err := net.Listen("unix", name)
	if err != nil {
		return
	}
	fmt.Println("1|1|unix|" + name + "|grpc")
	for {
		if _, err := listener.Accept(); err != nil {
			return
		}
	}
}

// serve is a plugin with one method, for the protocol majors given or 1.
func serve(majors ...int) {
	if len(majors) == 0 {
		majors = []int{1}
	}
	served := make(map[int]goplugin.PluginSet)
	for _, major := range majors {
		served[major] = goplugin.PluginSet{"fixture": fixturePlugin{}}
	}
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  hostHandshake,
		VersionedPlugins: served,
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(options, grpc.MaxRecvMsgSize(DefaultMessageBytes))...)
		},
	})
}

type fixturePlugin struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (fixturePlugin) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	s.RegisterService(&fixtureService, struct{}{})
	return nil
}

func (fixturePlugin) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

const doMethod = "/bulkhead.test.Fixture/Do"

var fixtureService = grpc.ServiceDesc{
	ServiceName: "bulkhead.test.Fixture", HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{MethodName: "Do", Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		var in wrapperspb.StringValue
		if err := decode(&in); err != nil {
			return nil, err
		}
		if text, found := strings.CutPrefix(in.Value, "status:"); found {
			return nil, status.Error(codes.Internal, text)
		}
		if in.Value == "deadline:" {
			at, ok := ctx.Deadline()
			return wrapperspb.Bytes(fmt.Append(nil, ok, time.Until(at).Round(10*time.Minute))), nil
		}
		return wrapperspb.Bytes(do(in.Value)), nil
	}}},
}

// do carries out one command of a test inside the plugin.
func do(command string) []byte {
	verb, argument, _ := strings.Cut(command, ":")
	switch verb {
	case "echo":
		return []byte(argument)
	case "panic":
		panicSoon(argument)
	case "exit":
		code, _ := strconv.Atoi(argument)
		os.Exit(code)
	case "hang":
		select {}
	case "huge":
		return make([]byte, DefaultMessageBytes+1)
	case "memory":
		n, _ := strconv.Atoi(argument)
		hog := make([]byte, n<<20)
		for i := range hog {
			hog[i] = 1
		}
		return hog[:1]
	case "ptrace":
		return fmt.Append(nil, trace())
	case "socket":
		_, err := net.Dial("udp", "127.0.0.1:9")
		return fmt.Append(nil, err)
	case "spin":
		for n := 0; n >= 0; n %= 7 {
			n++
		}
	case "fill":
		n, _ := strconv.Atoi(argument)
		if err := os.WriteFile(os.Getenv("TMPDIR")+"/fill", make([]byte, n<<20), 0o600); err != nil {
			die(1, err.Error())
		}
	case "die":
		code, text, _ := strings.Cut(argument, ":")
		n, _ := strconv.Atoi(code)
		die(n, text)
	case "env":
		return []byte(strings.Join(os.Environ(), "\n"))
	case "read":
		text, err := os.ReadFile(argument)
		if err != nil {
			return []byte(err.Error())
		}
		return text
	case "secret":
		text, err := os.ReadFile(filepath.Join(os.Getenv("TEST_SECRETS"), argument))
		return fmt.Appendf(nil, "%s, %v", text, err)
	case "fd":
		n, _ := strconv.Atoi(argument)
		_, err := os.NewFile(uintptr(n), "inherited").WriteString("from the plugin")
		return fmt.Append(nil, err)
	case "stdin":
		text, err := io.ReadAll(os.Stdin)
		return fmt.Appendf(nil, "%q, %v", text, err)
	case "stderr":
		_, _ = os.Stderr.WriteString(argument + "\n")
	case "raw": // past go-plugin's redirection, as the Go runtime and C do
		_, _ = syscall.Write(2, []byte(argument+"\n"))
	case "stdout":
		_, _ = syscall.Write(1, []byte(strings.Repeat("x", 1<<20)))
	case "flood":
		line := strings.Repeat("y", 1000) + "\n"
		for range 8 << 10 {
			_, _ = io.WriteString(stderrFile{}, line)
		}
	}
	return nil
}

// die ends the plugin with some last words.
func die(code int, text string) {
	_, _ = syscall.Write(2, []byte(text+"\n"))
	os.Exit(code)
}

type stderrFile struct{}

func (stderrFile) Write(p []byte) (int, error) { return syscall.Write(2, p) }

// panicSoon panics outside of the handler, where nothing recovers it.
func panicSoon(text string) {
	go func() { panic(text) }()
	select {}
}

// timed fails the test when its part took too long.
func timed(t *testing.T, limit time.Duration) func() {
	begin := time.Now()
	return func() {
		t.Helper()
		if took := time.Since(begin); took > limit {
			t.Errorf("took %v, want less than %v", took, limit)
		}
	}
}
