// SPDX-License-Identifier: Apache-2.0

package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/internal/scratch"
)

const (
	// ArtifactType of the manifest of a registry's file.
	ArtifactType = "application/vnd.bulkhead.file.v1"
	layerType    = "application/octet-stream"
	maxManifest  = 64 << 10 // bytes
)

// oci is a registry whose files are artifacts in a repository of an OCI registry.
type oci struct {
	address  string
	repo     *remote.Repository
	attempts int
	pause    time.Duration
	lockDir  string
}

func openOCI(u *url.URL, o Options) (Source, error) {
	o = o.withDefaults()
	repo, err := remote.NewRepository(u.Host + u.Path)
	if err != nil || strings.ContainsAny(u.Path, "@:") {
		return nil, &AddressError{u.String(), "an OCI registry is oci://HOST/NAME, with a name in lower case and without a tag"}
	}
	repo.PlainHTTP = loopback(u.Hostname()) && o.CAFile == ""
	repo.Client, err = o.ociClient(repo.Reference.Registry, repo.PlainHTTP)
	if err != nil {
		return nil, err
	}
	repo.ManifestMediaTypes = []string{ocispec.MediaTypeImageManifest}
	repo.MaxMetadataBytes = maxManifest
	return &oci{u.String(), repo, o.Attempts, o.Pause, o.LockDir}, nil
}

// String is the address.
func (s *oci) String() string { return s.address }

// Tag is the tag of a file's artifact in an OCI registry; see the package.
func Tag(name string) string {
	var tag strings.Builder
	for i, c := range []byte(name) {
		switch {
		case c == '/':
			tag.WriteString("__")
		case plainByte(c) && (i > 0 || c != '-'): // a tag cannot begin with it
			tag.WriteByte(c)
		default:
			fmt.Fprintf(&tag, "_%02x", c)
		}
	}
	if tag.Len() <= 128 {
		return tag.String()
	}
	sum := sha256.Sum256([]byte(name))
	return "_sha256-" + hex.EncodeToString(sum[:]) // "_s" is in no other tag
}

// Open reads a file; see Source.
func (s *oci) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, Info, error) {
	return s.openTagged(ctx, name, offset, "")
}

func (s *oci) openTagged(ctx context.Context, name string, offset int64, tag string) (body io.ReadCloser, info Info, err error) {
	if err := CheckName(name); err != nil {
		return nil, Info{}, err
	}
	err = s.try(ctx, "reading "+name, func() error {
		body, info, err = s.open(ctx, name, offset, tag)
		if errors.Is(err, errRange) && offset > 0 {
			body, info, err = s.open(ctx, name, 0, "")
		}
		return err
	})
	return body, info, err
}

// open reads a layer. What comes before its first byte has a bound in time; from
// there on the reader has pace.
func (s *oci) open(ctx context.Context, name string, offset int64, tag string) (io.ReadCloser, Info, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	late := time.AfterFunc(openTime, func() { cancel(errLate) })
	body, info, err := s.openLayer(ctx, name, offset, tag)
	if !late.Stop() && err == nil { // the body is dead already
		err = errors.Join(errLate, body.Close())
	}
	if err != nil {
		err = lateOr(ctx, err)
		cancel(nil)
		return nil, Info{}, err
	}
	return &cancelling{body, cancel}, info, nil
}

// openTime is how long manifest, token and redirects may take together.
const openTime = 2 * time.Minute

var errLate = fmt.Errorf("the registry did not begin to send the file within %s", openTime)

// lateOr is errLate when that ended the context, err otherwise.
func lateOr(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errLate) {
		return errLate
	}
	return err
}

// cancelling ends the context of a body with it.
type cancelling struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

// Close is that of io.Closer.
func (c *cancelling) Close() error {
	defer c.cancel(nil)
	return c.ReadCloser.Close()
}

func (s *oci) openLayer(ctx context.Context, name string, offset int64, tag string) (io.ReadCloser, Info, error) {
	layer, err := s.layer(ctx, name)
	if err != nil {
		return nil, Info{}, err
	}
	info := Info{Size: layer.Size, Tag: layer.Digest.String(), Offset: offset}
	if offset > layer.Size || tag != "" && tag != info.Tag {
		info.Offset = 0
	}
	body, err := s.repo.Blobs().Fetch(ctx, layer)
	if err != nil {
		return nil, Info{}, err
	}
	if info.Offset > 0 {
		body, err = seek(body, &info)
	}
	if err == nil && info.Offset == 0 {
		body = &verified{content.NewVerifyReader(body, layer), body}
	}
	return body, info, err
}

// seek goes to the offset where the server can, and stays at 0 where it cannot.
func seek(body io.ReadCloser, info *Info) (io.ReadCloser, error) {
	seeker, ok := body.(io.Seeker)
	if !ok {
		info.Offset = 0
		return body, nil
	}
	if _, err := seeker.Seek(info.Offset, io.SeekStart); err != nil {
		return nil, errors.Join(err, body.Close())
	}
	return body, nil
}

// verified reads a layer from its beginning and compares its digest at the end.
type verified struct {
	*content.VerifyReader
	io.Closer
}

// Read is that of io.Reader.
func (v *verified) Read(p []byte) (int, error) {
	n, err := v.VerifyReader.Read(p)
	if errors.Is(err, io.EOF) {
		if bad := v.Verify(); bad != nil {
			return n, fmt.Errorf("the layer is not what the manifest says: %w", bad)
		}
	}
	return n, err
}

// layer is the only one of a file's manifest.
func (s *oci) layer(ctx context.Context, name string) (ocispec.Descriptor, error) {
	desc, body, err := s.repo.Manifests().FetchReference(ctx, Tag(name))
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer body.Close()
	if desc.Size > maxManifest {
		return ocispec.Descriptor{}, &TooLargeError{s.address, "the manifest of " + name, maxManifest, desc.Size}
	}
	data, err := content.ReadAll(body, desc)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return parseManifest(data, name)
}

// parseManifest refuses all manifests but those that Put writes.
func parseManifest(data []byte, name string) (ocispec.Descriptor, error) {
	var m ocispec.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("the manifest of %s is no JSON: %w", name, err)
	}
	reason := ""
	switch {
	case m.MediaType != ocispec.MediaTypeImageManifest || m.ArtifactType != ArtifactType:
		reason = fmt.Sprintf("it is of type %.64q", m.ArtifactType)
	case len(m.Layers) != 1:
		reason = fmt.Sprintf("it has %d layers", len(m.Layers))
	case m.Layers[0].Annotations[ocispec.AnnotationTitle] != name:
		reason = fmt.Sprintf("its layer is titled %.64q", m.Layers[0].Annotations[ocispec.AnnotationTitle])
	case m.Layers[0].Size < 0 || m.Layers[0].Digest.Validate() != nil || m.Layers[0].Digest.Algorithm() != digest.SHA256:
		reason = "its layer has no size and SHA-256"
	}
	if reason != "" {
		return ocispec.Descriptor{}, fmt.Errorf("the tag %s is not that of the file %s of a Bulkhead registry: %s", Tag(name), name, reason)
	}
	return m.Layers[0], nil
}

// Put replaces a file; see Store.
func (s *oci) Put(ctx context.Context, name string, data io.Reader) (err error) {
	if err := CheckName(name); err != nil {
		return err
	}
	temp, err := scratch.New("oci")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, temp.Close()) }()
	spool, err := os.Create(filepath.Join(temp.Path, "file"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, spool.Close()) }()
	h := sha256.New()
	size, err := io.Copy(io.MultiWriter(spool, h), &contextReader{ctx, io.NopCloser(data)})
	if err != nil {
		return fmt.Errorf("reading what is to be %s: %w", name, err)
	}
	layer := ocispec.Descriptor{
		MediaType: layerType, Size: size, Digest: digest.NewDigest(digest.SHA256, h),
		Annotations: map[string]string{ocispec.AnnotationTitle: name},
	}
	return s.try(ctx, "writing "+name, func() error { return s.push(ctx, name, layer, spool) })
}

// push uploads what is not there and then moves the tag.
func (s *oci) push(ctx context.Context, name string, layer ocispec.Descriptor, data io.ReaderAt) error {
	config := ocispec.DescriptorEmptyJSON
	if err := s.blob(ctx, config, strings.NewReader("{}")); err != nil {
		return err
	}
	if err := s.blob(ctx, layer, data); err != nil {
		return err
	}
	config.Data = nil
	manifest, err := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		ArtifactType: ArtifactType, Config: config, Layers: []ocispec.Descriptor{layer},
	})
	if err != nil {
		return err
	}
	desc := content.NewDescriptorFromBytes(ocispec.MediaTypeImageManifest, manifest)
	return s.repo.Manifests().PushReference(ctx, desc, strings.NewReader(string(manifest)), Tag(name))
}

// blob uploads one that is not there. The token of the request that begins an
// upload is used for its end, too; one that expires in between is no reason to fail.
func (s *oci) blob(ctx context.Context, desc ocispec.Descriptor, data io.ReaderAt) error {
	there, err := s.repo.Blobs().Exists(ctx, desc)
	if err != nil || there {
		return err
	}
	push := func() error { return s.repo.Blobs().Push(ctx, desc, io.NewSectionReader(data, 0, desc.Size)) }
	err = push()
	if r, ok := errors.AsType[*errcode.ErrorResponse](err); ok && r.StatusCode == http.StatusUnauthorized {
		err = push()
	}
	return err
}

// Lock keeps other writers of this machine out; see Store and the package.
func (s *oci) Lock(ctx context.Context) (func() error, error) {
	dir := s.lockDir
	if dir == "" {
		var err error
		if dir, err = durable.StateDir("locks", "BULKHEAD_LOCKS_DIR"); err != nil {
			return nil, err
		}
	}
	if err := durable.MakeDir(dir); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(s.address))
	lock, err := acquire(ctx, filepath.Join(dir, "registry-"+hex.EncodeToString(sum[:16])))
	if err != nil {
		return nil, fmt.Errorf("locking the registry %s: %w", s.address, err)
	}
	return lock.Release, nil
}
