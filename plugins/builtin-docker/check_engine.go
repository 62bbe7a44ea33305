// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var engineAbsent = check.Check{
	Code: "docker.engine-absent", Title: "The docker command has no engine to talk to",
	Area: "docker", Needs: []string{"docker.engine.installed"},
	Doc: check.Doc{
		Meaning: "The docker client is installed, and no engine is: neither dockerd, rootless Docker, the snap nor Docker Desktop, and nothing sends the client to another machine.",
		Detection: "The client's program is there; dockerd, its user unit, the snap and Docker Desktop are not; DOCKER_HOST and DOCKER_CONTEXT are not set, there are no contexts, and this is not inside a container, " +
			"where a client with a mounted socket is usual. It is a warning when the project has a Dockerfile or compose file, else a note.",
		Cause:      "Only the client was installed, for example the static docker binary or the docker-ce-cli package. Under WSL, Docker Desktop is not running or does not serve this distribution.",
		Fix:        "Install Docker Engine, or point the client at an engine elsewhere with a context.",
		Verify:     "docker version prints a Server section.",
		References: []string{"https://docs.docker.com/engine/install/", "https://docs.docker.com/engine/manage-resources/contexts/"},
	},
	Run: runEngineAbsent,
}

func runEngineAbsent(c *check.Context) {
	client := c.Facts.String("docker.client.path")
	_, elsewhere := c.Facts.Lookup("docker.client.endpoint")
	if client == "" || c.Facts.Bool("docker.engine.installed") || elsewhere || c.Facts.String("os.container") != "" {
		return
	}
	severity, why := check.Info, "docker run and docker build fail with \"Cannot connect to the Docker daemon\"."
	if files, ok := fact.Get[[]projectFile](c.Facts, "docker.files"); ok && len(files) > 0 {
		severity, why = check.Warning, fmt.Sprintf("%s cannot be built or started here: \"Cannot connect to the Docker daemon\".", files[0].Path)
	}
	cause, remedy := "Only the Docker client was installed.", check.Remedy{
		ID: "install-engine", Summary: "Install Docker Engine from the repository of your distribution", Kind: check.SystemCommand, Risk: check.Medium, Preview: installEngine(c),
	}
	if c.Facts.Bool("os.wsl") {
		cause, remedy = "Docker Desktop is not running on Windows, or its integration with this distribution is turned off.", startDesktop()
	}
	c.Report(check.Finding{
		Severity: severity,
		Detail:   fmt.Sprintf("%s is a client without an engine on this machine; %s", client, why),
		Cause:    cause,
		Evidence: c.Evidence("docker.client.path", "docker.engine.installed", "docker.files"),
		Explains: []string{"docker.engine-down", "docker.no-nvidia-runtime"},
		Remedies: []check.Remedy{
			remedy,
			{ID: "remote-context", Summary: "Or use the engine of another machine", Kind: check.Advice, Risk: check.Low,
				Preview: []string{"docker context create box --docker host=ssh://USER@HOST", "docker context use box"}},
		},
		Verify: []string{"docker version"},
	})
}

// startDesktop is for WSL, where the client most often belongs to Docker Desktop.
func startDesktop() check.Remedy {
	return check.Remedy{
		ID: "start-desktop", Summary: "Start Docker Desktop on Windows, and turn this distribution on under Settings, Resources, WSL integration", Kind: check.Advice, Risk: check.Low,
		Preview: []string{`"/mnt/c/Program Files/Docker/Docker/Docker Desktop.exe" &`},
	}
}

// installEngine knows the package names of the large families.
func installEngine(c *check.Context) []string {
	switch c.Facts.String("os.id") {
	case "debian", "ubuntu", "linuxmint", "pop":
		return []string{"sudo apt-get install docker.io"}
	case "fedora":
		return []string{"sudo dnf install moby-engine"}
	case "arch", "manjaro":
		return []string{"sudo pacman -S docker"}
	case "alpine":
		return []string{"sudo apk add docker"}
	}
	return []string{"see https://docs.docker.com/engine/install/"}
}

var engineDown = check.Check{
	Code: "docker.engine-down", Title: "The Docker engine is not running",
	Area: "docker", Needs: []string{"docker.engine.installed"},
	Doc: check.Doc{
		Meaning: "dockerd is installed and not running, and nothing starts it on demand. Every docker command fails with \"Cannot connect to the Docker daemon\".",
		Detection: "dockerd's process-id file (/run/docker.pid, or docker.pid in XDG_RUNTIME_DIR for rootless Docker) is not there. An engine that systemd starts when its socket is used is not reported. " +
			"It is a warning when the engine is set to start at boot, else a note.",
		Cause:  "It was stopped, was never started, or ended with an error, most often for a mistake in daemon.json.",
		Fix:    "Start it and look at its log when that fails.",
		Verify: "docker info prints a Server section.",
		References: []string{
			"https://docs.docker.com/engine/daemon/troubleshoot/", "https://docs.docker.com/engine/daemon/start/",
		},
	},
	Run: runEngineDown,
}

func runEngineDown(c *check.Context) {
	running, known := fact.Get[bool](c.Facts, "docker.engine.running")
	s, _ := fact.Get[socket](c.Facts, "docker.socket")
	config, _ := fact.Get[daemonConfig](c.Facts, "docker.daemon_config")
	broken := config.Problem != ""
	if !known || running || s.Activated && !broken || c.Facts.String("os.container") != "" {
		return
	}
	severity := check.Info
	if c.Facts.Bool("docker.engine.enabled") {
		severity = check.Warning
	}
	c.Report(check.Finding{
		Severity: severity,
		Detail:   "The Docker engine is installed and not running: docker commands fail with \"Cannot connect to the Docker daemon\".",
		Cause:    "The engine was stopped, or it ended with an error that its log names.",
		Evidence: c.Evidence("docker.engine.running", "docker.engine.flavor", "docker.engine.enabled"),
		Remedies: []check.Remedy{{
			ID: "start", Summary: "Start the engine, and read its log if that fails", Kind: check.SystemCommand, Risk: check.Low, Preview: []string{engineCommand(c, "start"), engineLog(c)},
		}},
		Verify: []string{"docker info"},
	})
}

// editor opens the file at its line; that of a rootless engine is the user's own.
func editor(c *check.Context, config daemonConfig) string {
	command := fmt.Sprintf("${EDITOR:-vi} +%d %s", config.Line, quoted(config.Path))
	if isRootless(c) {
		return command
	}
	return "sudo " + command
}

var daemonConfigInvalid = check.Check{
	Code: "docker.daemon-config-invalid", Title: "The Docker engine refuses its configuration file",
	Area: "docker", Needs: []string{"docker.engine.installed"},
	Doc: check.Doc{
		Meaning:    "daemon.json cannot be read by dockerd, which then does not start: \"unable to configure the Docker daemon with file\". An engine that runs now will not come back after its next restart.",
		Detection:  "The file is read as dockerd reads it: one JSON object, values of the right types, and a default-runtime that is defined.",
		Cause:      "A comma too many or too few after an edit by hand, two objects in one file, or a runtime that was removed while it was the default.",
		Fix:        "Mend the line that is named, and let dockerd validate the file before it is restarted.",
		Verify:     "dockerd --validate prints configuration OK.",
		References: []string{"https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file"},
	},
	Run: runDaemonConfigInvalid,
}

func runDaemonConfigInvalid(c *check.Context) {
	config, _ := fact.Get[daemonConfig](c.Facts, "docker.daemon_config")
	if config.Problem == "" || !c.Facts.Bool("docker.engine.installed") {
		return
	}
	c.Report(check.Finding{
		Subject:  config.Path,
		Detail:   fmt.Sprintf("%s, line %d: %s. dockerd does not start with it.", config.Path, config.Line, config.Problem),
		Cause:    "The file has a mistake.",
		Evidence: c.Evidence("docker.daemon_config"),
		Explains: []string{"docker.engine-down", "docker.no-nvidia-runtime", "docker.runtime-binary-missing"},
		Remedies: []check.Remedy{{
			ID: "mend", Summary: "Mend the line, validate the file, restart the engine", Kind: check.DockerDaemonConfig, Risk: check.Medium,
			Preview: []string{editor(c, config), "dockerd --validate --config-file " + config.Path, engineCommand(c, "restart")},
		}},
		Verify: []string{"dockerd --validate --config-file " + config.Path},
	})
}
