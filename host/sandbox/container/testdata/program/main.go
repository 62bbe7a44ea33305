// SPDX-License-Identifier: Apache-2.0

// Command program is what the tests run in containers.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	verb, argument := os.Args[1], strings.Join(os.Args[2:], " ")
	switch verb {
	case "serve":
		serve(argument)
	case "look":
		look(os.Args[2:])
	case "exit":
		code, _ := strconv.Atoi(argument)
		fmt.Fprintln(os.Stderr, "last words")
		os.Exit(code)
	case "die":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // pid 1 of its namespace is spared
		panic("still here")
	case "eat":
		eat()
	case "sleep":
		fmt.Println("ready")
		time.Sleep(time.Minute)
	}
}

// serve answers every connection to a socket of that name.
func serve(name string) {
	listener, err := net.Listen("unix", name)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ready")
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		fmt.Fprintln(conn, "hello")
		_ = conn.Close()
	}
}

// look tries things and prints what came of them.
func look(attempts []string) {
	out := map[string]string{}
	for _, attempt := range attempts {
		verb, argument, _ := strings.Cut(attempt, ":")
		text, err := try(verb, argument)
		if err != nil {
			text = "refused: " + err.Error()
		}
		out[attempt] = text
	}
	_ = json.NewEncoder(os.Stdout).Encode(out)
}

func try(verb, argument string) (string, error) {
	switch verb {
	case "read":
		text, err := os.ReadFile(argument)
		return string(text), err
	case "list":
		entries, err := os.ReadDir(argument)
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return strings.Join(names, " "), err
	case "write":
		return "written", os.WriteFile(argument, []byte("x"), 0o600)
	case "fill":
		return "filled", os.WriteFile(argument, make([]byte, 64<<20), 0o600)
	case "run":
		out, err := exec.Command(argument, "exit", "0").CombinedOutput()
		return string(out), err
	case "dial":
		conn, err := net.DialTimeout("tcp", argument, time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return "reached", err
	case "mount":
		return "mounted", syscall.Mount("tmpfs", argument, "tmpfs", 0, "")
	case "unshare":
		return "unshared", syscall.Unshare(syscall.CLONE_NEWUSER)
	case "ids":
		return fmt.Sprint(os.Getuid(), os.Getgid(), os.Getpid()), nil
	case "env":
		return strings.Join(os.Environ(), " "), nil
	case "exe":
		return os.Readlink("/proc/self/exe")
	case "cwd":
		return os.Getwd()
	case "fd":
		fd, _ := strconv.Atoi(argument)
		buffer := make([]byte, 64)
		n, err := syscall.Read(fd, buffer)
		return string(buffer[:max(n, 0)]), err
	}
	return "", fmt.Errorf("no verb %q", verb)
}

// eat takes memory until the end.
func eat() {
	var kept [][]byte
	for {
		block := make([]byte, 1<<20)
		for i := range block {
			block[i] = byte(i)
		}
		kept = append(kept, block)
		_ = kept
	}
}
