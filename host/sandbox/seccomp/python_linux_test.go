// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// pythonEnv names an interpreter to test with. Without it the one of PATH is used
// and what it cannot import is skipped.
const pythonEnv = "BULKHEAD_TEST_PYTHON"

// scripts do what kernels and checks do. The directory is theirs to write to.
var scripts = []struct {
	name    string
	imports string
	source  string
	denied  string // what an honest program is refused, in words of calls
}{
	{"base", "sys", `
import asyncio, json, os, sqlite3, ssl, tempfile, threading, time, uuid, zlib, random, signal, socket, ctypes, hashlib
async def main():
    r, w = await asyncio.wait_for(asyncio.open_unix_connection(sock=socket.socketpair()[0]), 5)
    await asyncio.gather(*(asyncio.sleep(.001) for _ in range(50)))
    w.close()
asyncio.run(main())
ts = [threading.Thread(target=time.sleep, args=(.01,)) for _ in range(8)]
[t.start() for t in ts]; [t.join() for t in ts]
hit = []
signal.signal(signal.SIGUSR1, lambda *a: hit.append(1)); os.kill(os.getpid(), signal.SIGUSR1)
assert hit
db = sqlite3.connect("db"); db.execute("create table t(a)"); db.commit(); db.close()
with tempfile.TemporaryDirectory() as d:
    open(d + "/x", "w").write("y"); os.rename(d + "/x", d + "/z"); assert os.listdir(d) == ["z"]
`, ""},
	{"subprocess", "subprocess", `
import subprocess
try:
    subprocess.run(["true"])
except PermissionError: pass
else: raise SystemExit("a process was started")
`, "clone×1"},
	{"numpy", "numpy", `
import numpy as np
a = np.random.default_rng(1).random((700, 700))
assert np.allclose(np.linalg.solve(a, a @ a), a, atol=1e-6)
m = np.memmap("m", dtype=np.float64, mode="w+", shape=(1000,)); m[:] = 2; m.flush(); del m
assert np.memmap("m", dtype=np.float64, mode="r").sum() == 2000
`, ""},
	{"pyarrow", "pyarrow", `
import pyarrow as pa, pyarrow.parquet as pq, pyarrow.dataset as ds, pyarrow.compute as pc
t = pa.table({"a": list(range(50000)), "b": ["x%d" % (i % 7) for i in range(50000)]})
pq.write_table(t, "t.parquet"); assert pq.read_table("t.parquet").equals(t)
assert ds.dataset("t.parquet").to_table(filter=pc.field("a") < 10).num_rows == 10
with pa.OSFile("f.arrow", "wb") as f, pa.ipc.new_file(f, t.schema) as w: w.write(t)
assert pa.ipc.open_file(pa.memory_map("f.arrow")).read_all().equals(t)
for backend in pa.supported_memory_backends():
    pool = getattr(pa, backend + "_memory_pool")(); pa.array(range(1000000), memory_pool=pool)
`, ""},
	{"sklearn", "sklearn", `
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.ensemble import RandomForestClassifier
from sklearn.cluster import KMeans
x = np.random.default_rng(1).random((800, 5)); y = (x[:, 0] > .5).astype(int)
assert LogisticRegression().fit(x, y).score(x, y) > .9
assert RandomForestClassifier(20, n_jobs=2).fit(x, y).score(x, y) > .9
KMeans(3, n_init=2).fit(x)
`, ""},
	{"torch", "torch", `
import torch
torch.manual_seed(1)
x = torch.rand(256, 8); y = x.sum(1, keepdim=True)
net = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
o = torch.optim.Adam(net.parameters(), .01)
for _ in range(200):
    o.zero_grad(); loss = torch.nn.functional.mse_loss(net(x), y); loss.backward(); o.step()
assert loss < .1, loss
torch.save(net.state_dict(), "n.pt"); net.load_state_dict(torch.load("n.pt"))
torch.jit.trace(net, x)(x); torch.rand(600, 600) @ torch.rand(600, 600)
`, ""},
}

func TestPython(t *testing.T) {
	python := interpreter(t)
	for _, c := range scripts {
		t.Run(c.name, func(t *testing.T) {
			importable(t, python, c.imports)
			for _, p := range []Policy{{Notify: true}, {Unspaced: true, Notify: true}} {
				s := startPython(t, python, p, t.TempDir(), c.source)
				s.finish(t)
				if got := calls(honest(s.denials())); got != c.denied {
					t.Errorf("%+v: refused %q, not %q", p, got, c.denied)
				}
			}
		})
	}
}

// honest leaves out what depends on the machine: SQLite changes owners under root
// alone and glibc asks the name service cache about users, both without need, and
// newer Pythons try vfork before clone.
func honest(denials []Denial) []Denial {
	return slices.DeleteFunc(denials, func(d Denial) bool { return slices.Contains([]string{"fchown", "connect", "vfork"}, d.Call) })
}

// TestPythonServesGRPC: a server of grpcio answers a client of grpc-go. At its
// start it looks which families of sockets there are.
func TestPythonServesGRPC(t *testing.T) {
	python := interpreter(t)
	importable(t, python, "grpc")
	dir, err := os.MkdirTemp("", "sc")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	s := startPython(t, python, Policy{Unspaced: true, Notify: true}, dir, `
import grpc, threading
from concurrent import futures
asked = threading.Event()
def say(request, context):
    asked.set()
    return request
server = grpc.server(futures.ThreadPoolExecutor(4))
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(
    "t.Echo", {"Say": grpc.unary_unary_rpc_method_handler(say)})])
server.add_insecure_port("unix:s"); server.start()
assert asked.wait(120)
server.stop(5).wait()
`)
	conn, err := grpc.NewClient("unix:"+filepath.Join(dir, "s"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute)
	defer stop()
	var reply wrapperspb.StringValue
	if err := conn.Invoke(ctx, "/t.Echo/Say", wrapperspb.String("hello"), &reply, grpc.WaitForReady(true)); err != nil || reply.Value != "hello" {
		t.Errorf("%q, %v", reply.Value, err)
	}
	s.finish(t)
	for _, d := range s.denials() {
		if d.Call != "socket" {
			t.Errorf("refused %v", d)
		}
	}
}

func interpreter(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts Python programs")
	}
	if python := os.Getenv(pythonEnv); python != "" {
		return python
	}
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable, end='')").Output()
	if err != nil {
		t.Skipf("no python3 here and %s is not set: %v", pythonEnv, err)
	}
	return string(out)
}

func importable(t *testing.T, python, module string) {
	t.Helper()
	if out, err := exec.Command(python, "-c", "import "+module).CombinedOutput(); err != nil {
		t.Skipf("%s cannot import %s (set %s to one that can): %.200s", python, module, pythonEnv, out)
	}
}

// startPython runs a script in its own directory, with several threads even on
// small machines.
func startPython(t *testing.T, python string, p Policy, dir, source string) *started {
	t.Helper()
	t.Setenv("OMP_NUM_THREADS", "4")
	t.Setenv("OPENBLAS_NUM_THREADS", "4")
	return start(t, p, Options{}, "", python, "-B", "-c", fmt.Sprintf("import os; os.chdir(%q)\n%s", dir, source))
}
