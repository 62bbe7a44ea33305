// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Column of a dataset: Type as in "int64".
type Column struct{ Name, Type string }

// Dataset is what a run reads or writes.
type Dataset struct {
	// Namespace and Name by the naming rules of OpenLineage; see FileDataset and
	// URLDataset.
	Namespace, Name string
	Columns         []Column
	// Digest tells versions of the same name apart: "sha256:...". Empty when it
	// is not known.
	Digest string
	// Rows and Bytes, -1 when they are not known.
	Rows, Bytes int64
}

// FileDataset names a file: the namespace is "file", the name its absolute
// path with slashes.
func FileDataset(path string) Dataset {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	return Dataset{Namespace: "file", Name: filepath.ToSlash(path), Rows: -1, Bytes: -1}
}

// URLDataset names a resource on the network, without user, password, query
// and fragment, which may be secrets.
func URLDataset(address string) Dataset {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return Dataset{Namespace: "url", Name: "unreadable address", Rows: -1, Bytes: -1}
	}
	return Dataset{Namespace: u.Scheme + "://" + u.Host, Name: strings.TrimPrefix(u.Path, "/"), Rows: -1, Bytes: -1}
}

// What events say about their form. A facet names the schema that it follows.
const (
	lineageProducer = "https://github.com/bulkhead-ml/bulkhead"
	lineageSpec     = "https://openlineage.io/spec/"
	eventSchema     = lineageSpec + "2-0-2/OpenLineage.json#/$defs/RunEvent"
)

// lineageEvent is an OpenLineage RunEvent.
type lineageEvent struct {
	EventType string           `json:"eventType"`
	EventTime string           `json:"eventTime"`
	Run       lineageRun       `json:"run"`
	Job       lineageJob       `json:"job"`
	Inputs    []lineageDataset `json:"inputs"`
	Outputs   []lineageDataset `json:"outputs"`
	Producer  string           `json:"producer"`
	SchemaURL string           `json:"schemaURL"`
}

// facets by their names.
type facets map[string]map[string]any

type lineageRun struct {
	RunID  string `json:"runId"`
	Facets facets `json:"facets,omitempty"`
}

type lineageJob struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Facets    facets `json:"facets,omitempty"`
}

type lineageDataset struct {
	Namespace    string `json:"namespace"`
	Name         string `json:"name"`
	Facets       facets `json:"facets,omitempty"`
	OutputFacets facets `json:"outputFacets,omitempty"`
}

// add puts a facet of a standard schema.
func (f facets) add(name, version, schema string, values map[string]any) {
	values["_producer"] = lineageProducer
	values["_schemaURL"] = lineageSpec + "facets/" + version + "/" + schema + ".json#/$defs/" + schema
	f[name] = values
}

// event has what all events of a run have.
func (r *Run) event(kind string, at time.Time) lineageEvent {
	e := lineageEvent{
		EventType: kind, EventTime: at.UTC().Format("2006-01-02T15:04:05.000Z"), Producer: lineageProducer, SchemaURL: eventSchema,
		Run:    lineageRun{RunID: runUUID(r.start.ID), Facets: facets{}},
		Job:    lineageJob{Namespace: r.t.config.Namespace, Name: r.start.Pipeline, Facets: facets{}},
		Inputs: []lineageDataset{}, Outputs: []lineageDataset{},
	}
	version := r.t.config.Version
	if version == "" {
		version = "unknown"
	}
	e.Run.Facets.add("processing_engine", "1-1-0", "ProcessingEngineRunFacet", map[string]any{"name": "bulkhead", "version": version})
	e.Job.Facets.add("jobType", "2-0-4", "JobTypeJobFacet", map[string]any{"processingType": "BATCH", "integration": "BULKHEAD", "jobType": "DAG"})
	return e
}

func (r *Run) started() lineageEvent {
	e := r.event("START", r.span.start)
	for _, d := range r.start.Inputs {
		e.Inputs = append(e.Inputs, d.lineage(false))
	}
	return e
}

func (r *Run) finished(end RunEnd) lineageEvent {
	kind := "FAIL"
	switch end.Status {
	case statusOK, statusPartial:
		kind = "COMPLETE"
	case statusCancelled:
		kind = "ABORT"
	}
	e := r.event(kind, r.span.end)
	inputs := end.Inputs
	if inputs == nil {
		inputs = r.start.Inputs
	}
	for _, d := range inputs {
		e.Inputs = append(e.Inputs, d.lineage(false))
	}
	for _, d := range end.Outputs {
		e.Outputs = append(e.Outputs, d.lineage(true))
	}
	if kind == "FAIL" {
		reason := end.Reason
		if reason == "" {
			reason = "the run ended with the status " + end.Status
		}
		e.Run.Facets.add("errorMessage", "1-0-0", "ErrorMessageRunFacet", map[string]any{"message": reason, "programmingLanguage": "GO"})
	}
	return e
}

func (d Dataset) lineage(written bool) lineageDataset {
	out := lineageDataset{Namespace: d.Namespace, Name: d.Name, Facets: facets{}}
	if len(d.Columns) > 0 {
		fields := make([]map[string]string, len(d.Columns))
		for i, c := range d.Columns {
			fields[i] = map[string]string{"name": c.Name, "type": c.Type}
		}
		out.Facets.add("schema", "1-0-0", "SchemaDatasetFacet", map[string]any{"fields": fields})
	}
	if d.Digest != "" {
		out.Facets.add("version", "1-0-0", "DatasetVersionDatasetFacet", map[string]any{"datasetVersion": d.Digest})
	}
	if written && d.Rows >= 0 {
		values := map[string]any{"rowCount": d.Rows}
		if d.Bytes >= 0 {
			values["size"] = d.Bytes
		}
		out.OutputFacets = facets{}
		out.OutputFacets.add("outputStatistics", "1-0-0", "OutputStatisticsOutputDatasetFacet", values)
	}
	return out
}

// isUUID reports whether s has the form of RFC 9562, in lower case.
func isUUID(s string) bool {
	for i, r := range s {
		switch i {
		case 8, 13, 18, 23:
			if r != '-' {
				return false
			}
		default:
			if !strings.ContainsRune("0123456789abcdef", r) {
				return false
			}
		}
	}
	return len(s) == 36
}

// runUUID gives the id of a run the form that OpenLineage asks for: a UUID of
// version 5 (RFC 9562) in the namespace of URLs, the same for the same id.
func runUUID(id string) string {
	if isUUID(id) {
		return id
	}
	space := []byte{0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}
	sum := sha1.Sum(append(space, lineageProducer+"/runs/"+id...))
	sum[6], sum[8] = sum[6]&0x0f|0x50, sum[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

func (t *Telemetry) tellLineage(e lineageEvent) {
	if t.lineage != nil {
		body, _ := json.Marshal(e) // it has texts and numbers only
		t.lineage.put(func(m message) message { return append(m, body...) })
	}
}

// openLineage makes the queue that writes or posts events, in their order.
func (t *Telemetry) openLineage(ctx context.Context) error {
	if t.config.Lineage == "" {
		return nil
	}
	t.lineage = &queue{limit: 256, batch: 1, every: t.config.Limits.Interval, wake: make(chan struct{}, 1)}
	open := t.lineageFile
	if strings.HasPrefix(t.config.Lineage, "http://") || strings.HasPrefix(t.config.Lineage, "https://") {
		open = t.lineageURL
	}
	if err := open(); err != nil {
		t.lineage = nil
		return err
	}
	t.background(func() { t.lineage.run(ctx, t.stop) })
	return nil
}

func (t *Telemetry) lineageURL() error {
	u, err := endpoint("telemetry.lineage", t.config.Lineage)
	if err != nil {
		return err
	}
	if u.Path == "" || u.Path == "/" {
		u = u.JoinPath("api", "v1", "lineage")
	}
	if err := checkHeaders("telemetry.lineage", t.config.LineageHeaders); err != nil {
		return err
	}
	p := &poster{client: t.newClient(), url: u, headers: t.config.LineageHeaders, kind: "application/json", retry: t.config.Limits.Retry, closing: t.stop}
	t.lineage.lost = t.warner("lineage events", p)
	t.lineage.send = func(ctx context.Context, event message, _ int) (int, error) {
		return p.post(ctx, slices.Clone(event))
	}
	return nil
}

// lineageFile opens the file now, so that a wrong path is told before the run.
func (t *Telemetry) lineageFile() error {
	path := t.config.Lineage
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("telemetry.lineage: %s cannot be written: %w", path, err)
	}
	t.lineage.lost = t.warner("lineage events", &poster{url: &url.URL{Path: path}})
	t.lineage.send = func(_ context.Context, event message, _ int) (int, error) {
		if _, err := file.Write(append(event, '\n')); err != nil {
			return 0, fmt.Errorf("writing an event: %w", err)
		}
		return 0, file.Sync()
	}
	t.closers = append(t.closers, file.Close)
	return nil
}
