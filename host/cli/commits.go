// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/pipeline"
	"github.com/bulkhead-ml/bulkhead/host/sink"
)

// commitJournal has the notes about runs that put several files in place.
func commitJournal() (*sink.Journal, error) {
	dir, err := sink.DefaultJournal()
	if err != nil {
		return nil, err
	}
	journal := sink.OpenJournal(dir)
	journal.Committed = func(run string) error { // what it did outside stays
		store, err := runStore()
		if err != nil {
			return err
		}
		return store.Stays(run)
	}
	return journal, nil
}

// together promises that all files of the run appear.
func (w *work) together(writers []pipeline.SinkWriter) (pipeline.Promise, error) {
	journal, err := commitJournal()
	if err != nil {
		return nil, err
	}
	var sinks []*sink.Sink
	for _, s := range writers {
		one, ok := s.(sinkWriter)
		if !ok {
			return nil, fmt.Errorf("a %T is no file", s)
		}
		sinks = append(sinks, one.Sink)
	}
	return journal.Begin(w.runID, sinks...)
}

// finishCommits puts the files in place that a host promised before it died.
func (a *app) finishCommits() {
	journal, err := commitJournal()
	if err != nil {
		return // there is no place for notes, so there are none
	}
	recovered, err := journal.Recover()
	if err != nil {
		a.warn("files of an interrupted run are not all in place: %v", err)
	}
	for _, r := range recovered {
		if len(r.Placed) > 0 {
			a.warn("run %s died while it put its files in place; now they are: %s", r.Run, strings.Join(r.Placed, ", "))
		}
		if len(r.Left) > 0 {
			a.warn("run %s died while it put its files in place; these were changed since and stay as they are: %s", r.Run, strings.Join(r.Left, ", "))
		}
	}
}
