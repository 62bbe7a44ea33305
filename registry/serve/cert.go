// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// lookAgain is how often the files of a certificate are looked at.
const lookAgain = time.Second

// certificate is a pair of files that may be replaced while the server runs.
type certificate struct {
	certFile, keyFile string
	problem           func(string)

	mu     sync.Mutex
	pair   *tls.Certificate
	stamp  [2]stamp
	looked time.Time
}

// stamp tells two states of a file apart.
type stamp struct {
	size int64
	time time.Time
}

// openCertificate reads the pair for the first time.
func openCertificate(certFile, keyFile string, problem func(string)) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, problem: problem}
	if err := c.load(c.stamps()); err != nil {
		return nil, fmt.Errorf("reading the certificate of the server: %w", err)
	}
	return c, nil
}

// get is what tls.Config.GetCertificate wants.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= lookAgain {
		c.looked = now
		c.refresh()
	}
	return c.pair, nil
}

// refresh reads the pair again when a file changed, and keeps the old one when
// the new one cannot be used.
func (c *certificate) refresh() {
	now := c.stamps()
	if now == c.stamp {
		return
	}
	if err := c.load(now); err != nil {
		c.problem(fmt.Sprintf("the certificate changed and cannot be read; the old one stays: %v", err))
	}
}

func (c *certificate) load(now [2]stamp) error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	c.pair, c.stamp = &pair, now
	return nil
}

func (c *certificate) stamps() (all [2]stamp) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			all[i] = stamp{info.Size(), info.ModTime()}
		}
	}
	return all
}
