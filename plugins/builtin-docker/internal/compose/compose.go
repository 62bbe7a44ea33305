// SPDX-License-Identifier: Apache-2.0

// Package compose reads what a compose file says of GPUs and shared memory, with
// the lines where it stands.
//
// The file is parsed as YAML, so that anchors, aliases, merge keys ("<<") and
// both ways to write lists and maps count. Expansion of aliases is bounded by
// the YAML library, which refuses a document that grows too much, and the size
// of the file by MaxBytes. Variables (${TAG:-latest}) are replaced by their
// defaults; an image with a variable that has none is not known.
//
// Format: https://docs.docker.com/reference/compose-file/
package compose

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// MaxBytes bounds a file; those of large projects have some 20 KiB.
const MaxBytes = 1 << 20

// maxServices bounds the services of a file.
const maxServices = 200

// Service is what one service asks for.
type Service struct {
	Name string `json:"name"`
	// Line of the service's name, from 1.
	Line int `json:"line"`
	// Image with defaults put in; "" for none or one that is not known.
	Image     string `json:"image,omitempty"`
	ImageLine int    `json:"image_line,omitempty"`
	// Build is the path of the Dockerfile, relative to the compose file; "" for
	// none. Target is the stage that is built, "" for the last.
	Build  string `json:"build,omitempty"`
	Target string `json:"target,omitempty"`
	// Command and entrypoint, as one text.
	Command string `json:"command,omitempty"`
	// GPU is true where a GPU is asked for in any way.
	GPU bool `json:"gpu"`
	// Runtime as it is written, and its line.
	Runtime     string `json:"runtime,omitempty"`
	RuntimeLine int    `json:"runtime_line,omitempty"`
	// Reserved is true where deploy or gpus asks for the GPU.
	Reserved bool `json:"reserved"`
	// ShmBytes is shm_size, -1 where it is not set or cannot be read.
	ShmBytes int64 `json:"shm_bytes"`
	ShmLine  int   `json:"shm_line,omitempty"`
	// SharesShm is true where /dev/shm is the machine's or another mount.
	SharesShm bool `json:"shares_shm"`
	// Extends is true for a service that takes more from another one or file.
	Extends bool `json:"extends"`
	// Off is true for a service of which no container is started: zero replicas.
	Off bool `json:"off"`
}

// Parse reads a file; the services are in the order of their lines.
func Parse(data []byte) (services []Service, err error) {
	defer func() {
		if r := recover(); r != nil { // the YAML library has had panics on hostile input
			services, err = nil, fmt.Errorf("compose file cannot be parsed: %v", r)
		}
	}()
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("compose file has %d bytes, more than %d", len(data), MaxBytes)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, fmt.Errorf("compose file cannot be parsed: %w", err)
	}
	var bound any // refuses a document whose aliases grow too much
	if err := root.Decode(&bound); err != nil {
		return nil, fmt.Errorf("compose file cannot be parsed: %w", err)
	}
	list := field(&root, "services")
	if list == nil || list.Kind != yaml.MappingNode {
		return nil, errors.New("compose file has no services")
	}
	for i := 0; i+1 < len(list.Content) && len(services) < maxServices; i += 2 {
		services = append(services, service(list.Content[i], list.Content[i+1]))
	}
	return services, nil
}

func service(name, node *yaml.Node) Service {
	s := Service{Name: name.Value, Line: name.Line, ShmBytes: -1}
	if image := field(node, "image"); image != nil {
		s.Image, s.ImageLine = expand(image.Value), image.Line
	}
	s.build(field(node, "build"))
	s.Command = strings.TrimSpace(text(field(node, "entrypoint")) + " " + text(field(node, "command")))
	s.Extends = field(node, "extends") != nil
	s.Off = text(field(field(node, "deploy"), "replicas")) == "0" || text(field(node, "scale")) == "0"
	s.gpu(node)
	s.shm(node)
	return s
}

// build reads the short and the long form.
func (s *Service) build(node *yaml.Node) {
	if node == nil {
		return
	}
	dir, file := expand(node.Value), "Dockerfile"
	if node.Kind == yaml.MappingNode {
		dir = "."
		if c := field(node, "context"); c != nil {
			dir = expand(c.Value)
		}
		if f := field(node, "dockerfile"); f != nil {
			file = expand(f.Value)
		}
		if t := field(node, "target"); t != nil {
			s.Target = strings.ToLower(expand(t.Value))
		}
		if field(node, "dockerfile_inline") != nil {
			return
		}
	}
	if dir != "" && file != "" && !strings.Contains(dir, "://") {
		s.Build = strings.TrimSuffix(dir, "/") + "/" + file
	}
}

// gpu looks at every way in which a service can ask for a GPU.
func (s *Service) gpu(node *yaml.Node) {
	if r := field(node, "runtime"); r != nil {
		s.Runtime, s.RuntimeLine = expand(r.Value), r.Line
	}
	resources := field(field(field(node, "deploy"), "resources"), "reservations")
	for _, d := range items(field(resources, "devices")) {
		driver := text(field(d, "driver"))
		if strings.Contains(text(field(d, "capabilities")), "gpu") || driver == "nvidia" || driver == "cdi" {
			s.Reserved = true
		}
	}
	if g := field(node, "gpus"); g != nil || field(resources, "generic_resources") != nil {
		s.Reserved = true
	}
	s.GPU = s.Reserved || strings.Contains(s.Runtime, "nvidia") || s.RuntimeLine > 0 && s.Runtime == "" // a variable may name it
	for _, d := range items(field(node, "devices")) {
		if name := text(d); strings.Contains(name, "nvidia") || strings.Contains(name, "/dev/dxg") || strings.Contains(name, "/dev/dri") || strings.Contains(name, "/dev/kfd") {
			s.GPU = true
		}
	}
}

// shm reads shm_size and what replaces it.
func (s *Service) shm(node *yaml.Node) {
	if n := field(node, "shm_size"); n != nil {
		if bytes, ok := size(expand(n.Value)); ok {
			s.ShmBytes, s.ShmLine = bytes, n.Line
		} else {
			s.SharesShm = true // set to what is not known
		}
	}
	ipc := text(field(node, "ipc"))
	s.SharesShm = s.SharesShm || ipc != "" && ipc != "private" && ipc != "shareable" && ipc != "none"
	for _, key := range []string{"tmpfs", "volumes"} {
		if strings.Contains(text(field(node, key)), "/dev/shm") {
			s.SharesShm = true
		}
	}
}

// maxDepth bounds how deep aliases and merges are followed.
const maxDepth = 16

// field returns a value of a map, its own or merged; nil for none.
func field(node *yaml.Node, name string) *yaml.Node { return fieldIn(node, name, maxDepth) }

func fieldIn(node *yaml.Node, name string, depth int) *yaml.Node {
	node = target(node)
	if node == nil || node.Kind != yaml.MappingNode || depth == 0 {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == name {
			return target(node.Content[i+1])
		}
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value != "<<" {
			continue
		}
		merged := target(node.Content[i+1])
		for _, m := range append([]*yaml.Node{merged}, items(merged)...) {
			if found := fieldIn(m, name, depth-1); found != nil {
				return found
			}
		}
	}
	return nil
}

// target follows aliases and documents.
func target(node *yaml.Node) *yaml.Node {
	for range maxDepth {
		switch {
		case node == nil:
			return nil
		case node.Kind == yaml.AliasNode:
			node = node.Alias
		case node.Kind == yaml.DocumentNode && len(node.Content) > 0:
			node = node.Content[0]
		default:
			return node
		}
	}
	return nil
}

// items returns the elements of a list.
func items(node *yaml.Node) []*yaml.Node {
	if node = target(node); node == nil || node.Kind != yaml.SequenceNode {
		return nil
	}
	return node.Content
}

// maxText bounds the text of a value, in bytes.
const maxText = 4096

// text joins the scalars of a value, two levels deep.
func text(node *yaml.Node) string {
	var words []string
	length := 0
	add := func(n *yaml.Node) {
		if n = target(n); n != nil && n.Kind == yaml.ScalarNode && length < maxText {
			words = append(words, n.Value)
			length += len(n.Value)
		}
	}
	node = target(node)
	add(node)
	if node == nil || node.Kind == yaml.ScalarNode {
		return strings.Join(words, " ")
	}
	for _, n := range node.Content {
		add(n)
		if n = target(n); n != nil && n.Kind != yaml.ScalarNode {
			for _, m := range n.Content {
				add(m)
			}
		}
	}
	return strings.Join(words, " ")
}

var variable = pattern.Lazy(`\$\{[A-Za-z_][A-Za-z0-9_]*(?::?-([^${}]*))?[^{}]*\}|\$[A-Za-z_][A-Za-z0-9_]*`)

// expand puts the defaults of variables in; "" where one has none.
func expand(value string) string {
	known := true
	out := variable().ReplaceAllStringFunc(value, func(found string) string {
		m := variable().FindStringSubmatch(found)
		known = known && m[1] != ""
		return m[1]
	})
	if !known {
		return ""
	}
	return out
}

var sized = pattern.Lazy(`^(\d{1,12}(?:\.\d{1,6})?)\s*([a-z]*)$`)

// size reads "64m", "2gb" or a number of bytes.
func size(value string) (int64, bool) {
	m := sized().FindStringSubmatch(strings.ToLower(strings.TrimSpace(value)))
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseFloat(m[1], 64)
	shift := slices.Index([]string{"", "k", "m", "g", "t"}, strings.TrimSuffix(strings.TrimSuffix(m[2], "b"), "i"))
	if err != nil || shift < 0 {
		return 0, false
	}
	bytes := n * float64(int64(1)<<(10*shift))
	return int64(bytes), bytes < 1<<60
}
