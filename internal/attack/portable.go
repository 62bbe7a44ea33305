// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// portable are the attacks that every system knows.
func portable() []Attack {
	return []Attack{
		{Name: "read-secret", Area: "files", Aim: "read a file of the user that was not granted", try: readSecret},
		{Name: "list-home", Area: "files", Aim: "list the user's home directory", try: listHome},
		{Name: "write-outside", Area: "files", Aim: "create a file in a directory that everybody may write to", try: writeOutside},
		{Name: "change-public", Area: "files", Aim: "append to a file that everybody may write to", try: changePublic},
		{Name: "grant-escape", Area: "files", Aim: "leave a granted directory through ..", try: grantEscape},
		{Name: "grant-write", Area: "files", Aim: "write into a directory that was granted for reading", try: grantWrite},
		{Name: "link-scratch", Area: "files", Aim: "read a secret through a symbolic link in the scratch directory", try: linkScratch},
		{Name: "hardlink-scratch", Area: "files", Aim: "put a hard link to a secret into the scratch directory", try: hardlinkScratch},
		{Name: "env-canary", Area: "environment", Aim: "find a secret of the host in the environment", try: envCanary},
		{Name: "stdin", Area: "environment", Aim: "read what the host's user types", try: readStdin},
		{Name: "tcp-connect", Area: "network", Aim: "connect to a TCP service of this machine", try: tcpConnect},
		{Name: "tcp-listen", Area: "network", Aim: "offer a TCP service to others", try: tcpListen},
		{Name: "udp-send", Area: "network", Aim: "send a UDP packet to a service of this machine", try: udpSend},
		{Name: "dns", Area: "network", Aim: "leak data in a name that is looked up", try: lookUp},
		{Name: "unix-connect", Area: "network", Aim: "connect to a socket in the file system, such as a container engine's", try: unixConnect},
		{Name: "exec-shell", Area: "processes", Aim: "start a shell", try: execShell},
		{Name: "exec-grant", Area: "processes", Aim: "start a program that was granted for reading", try: execGrant},
		{Name: "exec-self", Area: "processes", Aim: "start itself again", try: execSelf},
		{Name: "memory-bomb", Area: "resources", Aim: "use 6 GiB of memory", try: memoryBomb},
		{Name: "disk-bomb", Area: "resources", Aim: "fill a disk with 256 MiB", try: diskBomb},
		{Name: "file-bomb", Area: "resources", Aim: "make 20,000 files", try: fileBomb},
		{Name: "descriptor-bomb", Area: "resources", Aim: "open 5,000 files", try: descriptorBomb},
		{Name: "log-bomb", Area: "resources", Aim: "write 64 MiB of log", try: logBomb},
		{Name: "cpu-bomb", Area: "resources", Aim: "use the processor for ever", try: cpuBomb},
	}
}

// see is a hit when the file shows the canary.
func see(s *Scene, name string) Outcome {
	if name == "" {
		return missed("nothing to read")
	}
	text, err := os.ReadFile(name)
	if err == nil && !strings.Contains(string(text), s.Canary) {
		return missed("a file without the secret")
	}
	return attempt(err, "read "+name)
}

func readSecret(s *Scene) Outcome { return see(s, s.Secret) }

func listHome(s *Scene) Outcome {
	entries, err := os.ReadDir(s.Home)
	if err == nil && len(entries) == 0 {
		return missed("empty")
	}
	return attempt(err, "listed "+s.Home)
}

func writeOutside(s *Scene) Outcome {
	if s.Open == "" {
		return missed("nothing to write to")
	}
	return attempt(os.WriteFile(filepath.Join(s.Open, "hit"), []byte("x"), 0o600), "wrote into "+s.Open)
}

func changePublic(s *Scene) Outcome {
	f, err := os.OpenFile(s.Public, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return missed(plain(err))
	}
	defer f.Close()
	_, err = f.WriteString("x")
	return attempt(err, "wrote to "+s.Public)
}

// grantEscape follows the host's layout: the secret lies beside the grant.
func grantEscape(s *Scene) Outcome {
	return attempts(see(s, s.Grant+"/../"+filepath.Base(s.Secret)), see(s, s.Grant+"/out/"+filepath.Base(s.Secret)))
}

func grantWrite(s *Scene) Outcome {
	return attempt(os.WriteFile(filepath.Join(s.Grant, "hit"), []byte("x"), 0o600), "wrote into the grant")
}

// scratch is the writable directory.
func scratch() string { return os.TempDir() }

func linkScratch(s *Scene) Outcome {
	link := filepath.Join(scratch(), "link")
	if err := os.Symlink(s.Secret, link); err != nil {
		return missed(plain(err))
	}
	return see(s, link)
}

func hardlinkScratch(s *Scene) Outcome {
	return attempt(os.Link(s.Secret, filepath.Join(scratch(), "hard")), "linked the secret")
}

func envCanary(s *Scene) Outcome {
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, SceneEnv+"=") && strings.Contains(v, s.Canary) {
			return Outcome{true, "the environment holds the secret"}
		}
	}
	return missed("not there")
}

func readStdin(*Scene) Outcome {
	n, err := os.Stdin.Read(make([]byte, 1))
	if n > 0 {
		return Outcome{true, "read from standard input"}
	}
	return missed(plain(err))
}

func tcpConnect(s *Scene) Outcome {
	c, err := net.DialTimeout("tcp", s.TCP, time.Second)
	if err == nil {
		_ = c.Close()
	}
	return attempt(err, "connected to "+s.TCP)
}

// tcpListen is a hit only where others could reach the listener: alone in a
// network namespace it is nobody's.
func tcpListen(*Scene) Outcome {
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		return missed(plain(err))
	}
	defer func() { _ = l.Close() }()
	links, err := net.Interfaces()
	if err != nil || len(links) == 0 {
		return missed("alone in its network")
	}
	for _, link := range links {
		if link.Flags&net.FlagUp != 0 {
			return Outcome{true, "listened on " + l.Addr().String()}
		}
	}
	return missed("alone in its network")
}

func udpSend(s *Scene) Outcome {
	c, err := net.DialTimeout("udp", s.UDP, time.Second)
	if err != nil {
		return missed(plain(err))
	}
	defer func() { _ = c.Close() }()
	_, err = c.Write([]byte("x"))
	return attempt(err, "sent to "+s.UDP)
}

// lookUp is a hit when a packet left for a resolver, whether or not one answers.
func lookUp(s *Scene) Outcome {
	return attempts(ask("udp", s.Canary), ask("tcp", s.Canary))
}

func ask(network, question string) Outcome {
	c, err := net.DialTimeout(network, "127.0.0.53:53", time.Second)
	if err != nil {
		return missed(plain(err))
	}
	defer func() { _ = c.Close() }()
	_, err = c.Write([]byte(question))
	return attempt(err, "a packet left for a resolver")
}

func unixConnect(s *Scene) Outcome {
	c, err := net.DialTimeout("unix", s.Unix, time.Second)
	if err == nil {
		_ = c.Close()
	}
	return attempt(err, "connected to "+s.Unix)
}

func execShell(*Scene) Outcome {
	shell := []string{"/bin/sh", "-c", "exit 0"}
	if runtime.GOOS == "windows" {
		shell = []string{"cmd.exe", "/c", "exit 0"}
	}
	return attempt(exec.Command(shell[0], shell[1:]...).Run(), "ran "+shell[0])
}

func execGrant(s *Scene) Outcome {
	return attempt(exec.Command(s.GrantProg).Run(), "started "+s.GrantProg)
}

func execSelf(*Scene) Outcome {
	self, err := os.Executable()
	if err != nil {
		self = "/proc/self/exe"
	}
	return attempt(exec.Command(self, "-h").Start(), "started itself")
}

func memoryBomb(*Scene) Outcome {
	var held [][]byte
	for range 96 {
		block := make([]byte, 64<<20)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		held = append(held, block)
	}
	return Outcome{len(held) == 96, "used 6 GiB"}
}

func diskBomb(*Scene) Outcome {
	block := make([]byte, 1<<20)
	var written int
	for n := range 16 {
		f, err := os.Create(filepath.Join(scratch(), "big"+string(rune('a'+n))))
		if err != nil {
			return missed(plain(err))
		}
		for range 16 {
			k, err := f.Write(block)
			written += k
			if err != nil {
				_ = f.Close()
				return missed(plain(err))
			}
		}
		_ = f.Close()
	}
	return Outcome{written == 256<<20, "wrote 256 MiB"}
}

func fileBomb(*Scene) Outcome {
	for range 20_000 {
		f, err := os.CreateTemp(scratch(), "f")
		if err != nil {
			return missed(plain(err))
		}
		_ = f.Close()
	}
	return Outcome{true, "made 20,000 files"}
}

func descriptorBomb(*Scene) Outcome {
	var held []*os.File
	for range 5000 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			return missed(plain(err))
		}
		held = append(held, f)
	}
	return Outcome{true, "opened " + held[0].Name() + " 5,000 times"}
}

// logBomb ends when the host takes the log slowly; the host measures itself.
func logBomb(*Scene) Outcome {
	line := []byte(strings.Repeat("flood ", 170) + "\n")
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		if _, err := os.Stderr.Write(line); err != nil {
			break
		}
	}
	return missed("the host read what it wanted")
}

// cpuBomb never ends by itself before a minute has passed.
func cpuBomb(*Scene) Outcome {
	for range runtime.NumCPU() {
		go func() {
			for end := time.Now().Add(time.Minute); time.Now().Before(end); {
				_ = end
			}
		}()
	}
	time.Sleep(time.Minute)
	return Outcome{true, "used the processors for a minute"}
}
