// SPDX-License-Identifier: Apache-2.0

// Hello-ledger is a complete kernel plugin that does something outside of its
// output and can take it back: it passes a table on as it is, and notes its
// number of rows in a ledger, a file of JSON lines in the directory "ledger" of
// the project, which its manifest asks for.
package main

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"regexp"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
)

type settings struct {
	Ledger string `json:"ledger" required:"true" doc:"Absolute path of the ledger, in the project's directory \"ledger\". The directory must be there."`
	Note   string `json:"note" default:"" doc:"What the line says beside the number of rows."`
}

// recorder is one call of hello-ledger.record.
type recorder struct {
	setup *kernel.Setup
	opt   settings
}

func newRecorder(s *kernel.Setup) (kernel.Instance, error) {
	r := &recorder{setup: s}
	return r, s.Config(&r.opt)
}

// Validate looks at the settings alone: nothing is granted to a plugin while a
// run is only planned.
func (r *recorder) Validate() error {
	if p := r.opt.Ledger; !filepath.IsAbs(p) || filepath.Clean(p) != p {
		return diag.Errorf("Ledger without a place", "%q is not the absolute path of a file. Give one in the project's directory \"ledger\".", p).At("ledger")
	}
	return nil
}

// OutputSchema is that of the input.
func (r *recorder) OutputSchema() (*arrow.Schema, error) { return r.setup.Schema, nil }

// open finds the ledger's directory, before any row is read.
func (r *recorder) open() (*ledger, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	return openLedger(r.opt.Ledger)
}

// Transform passes all rows on and then adds the line.
func (r *recorder) Transform(ctx context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	l, err := r.open()
	if err != nil {
		return nil, err
	}
	defer l.close()
	if err := in.Each(out.Write); err != nil {
		return nil, err
	}
	e := entry{ID: rand.Text(), At: time.Now().UTC(), Rows: in.Rows(), Note: r.opt.Note}
	// The token goes first: a line that is there has one, whatever happens next.
	r.setup.UndoToken([]byte(e.ID))
	return kernel.Report{"ledger": r.opt.Ledger, "rows": e.Rows}, l.add(ctx, e)
}

// idForm is what rand.Text gives.
var idForm = regexp.MustCompile(`^[A-Z2-7]{26,}$`)

// Undo takes the line of one transform back.
func (r *recorder) Undo(ctx context.Context, token []byte) error {
	if !idForm.Match(token) {
		return diag.Errorf("Undo token of something else", "It names no line of a ledger, so nothing was changed.")
	}
	l, err := r.open()
	if err != nil {
		return err
	}
	defer l.close()
	return l.takeBack(ctx, string(token))
}

var record = kernel.Kernel{
	Name: "record", Summary: "Pass a table on and note it in a ledger.", Compartment: kernel.MLOps,
	Config: settings{}, Transforms: true, RowWise: true, Undoes: true, New: newRecorder,
}

var info, service = plugin.Info{Name: "hello-ledger", Version: "0.1.0"}, kernel.Serve(record)

func main() { plugin.Serve(info, service) }
