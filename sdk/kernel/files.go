// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"context"
	"fmt"
	"os"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// files takes the files of a call: those that the host sent, and those that it
// could only name.
func (s *Service) files(ctx context.Context, wire []*pluginv1.File) (map[string]*os.File, error) {
	out := map[string]*os.File{}
	for _, f := range wire {
		file, err := s.openFile(ctx, f)
		if err != nil {
			return out, fmt.Errorf("the file %q of this call: %w", f.GetName(), err)
		}
		if old := out[f.GetName()]; old != nil {
			_ = old.Close()
		}
		out[f.GetName()] = file
	}
	return out, nil
}

func (s *Service) openFile(ctx context.Context, f *pluginv1.File) (*os.File, error) {
	if id := f.GetDescriptor_(); id != 0 {
		return s.socket.file(ctx, id)
	}
	if f.GetName() == "output" {
		return os.OpenFile(f.GetPath(), os.O_RDWR, 0)
	}
	return os.Open(f.GetPath())
}

// close ends the files of a call.
func (s *Setup) close() {
	if s == nil {
		return
	}
	for _, f := range s.files {
		_ = f.Close()
	}
}
