// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"net"
	"net/http"
	"path"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// metadataAddress is where AWS, Google Cloud and Azure all serve it.
const metadataAddress = "169.254.169.254:80"

// metadata are the questions to each cloud, by the vendor that DMI names.
//
// Sources: the documentation of AWS "Use IMDSv2", Google Cloud "VM metadata"
// and Azure "Instance Metadata Service".
var metadata = map[string][]ask{
	"aws": {
		{Method: http.MethodPut, URL: "http://169.254.169.254/latest/api/token", Header: map[string]string{"X-aws-ec2-metadata-token-ttl-seconds": "60"}},
		{Method: http.MethodGet, URL: "http://169.254.169.254/latest/meta-data/instance-type", Token: "X-aws-ec2-metadata-token"},
	},
	"gcp": {{Method: http.MethodGet, URL: "http://169.254.169.254/computeMetadata/v1/instance/machine-type",
		Header: map[string]string{"Metadata-Flavor": "Google"}}},
	"azure": {{Method: http.MethodGet, URL: "http://169.254.169.254/metadata/instance/compute/vmSize?api-version=2021-02-01&format=text",
		Header: map[string]string{"Metadata": "true"}}},
}

// cloudProbe asks only on a machine that DMI says is in one of these clouds: on
// another machine the address may be anybody's.
func cloudProbe(facts fact.Set) []Probe {
	vendor, _ := fact.Get[string](facts, "cloud.vendor")
	asks, ok := metadata[vendor]
	if !ok {
		return nil
	}
	return []Probe{{Address: CloudAddress, Title: "ask the metadata service of " + vendor, Deadline: cloudTime, run: askCloud(vendor, asks, metadataAddress)}}
}

func askCloud(vendor string, asks []ask, address string) func(context.Context, *Options) []fact.Fact {
	return func(ctx context.Context, o *Options) []fact.Fact {
		c := Cloud{Vendor: vendor}
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			var s said
			if s, err = converse(ctx, conn, talk{Asks: asks}, o); err == nil {
				c.Error = s.problem()
				if c.OK = c.Error == "" && s.Status == http.StatusOK; c.OK {
					c.InstanceType = path.Base(s.Text) // Google's is projects/N/machineTypes/TYPE
				}
			}
		}
		if err != nil {
			c.Error = clean(err.Error())
		}
		return []fact.Fact{known(CloudAddress, c, "metadata service", firstOf(c.Error, c.InstanceType))}
	}
}
