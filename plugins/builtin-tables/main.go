// SPDX-License-Identifier: Apache-2.0

// Command tables is the plugin that reads and writes files whose formats are too
// dangerous to be looked at in the host: readers of Parquet and Arrow die of
// hostile bytes, and a SQLite database brings a virtual machine. It serves
//
//	tables.read_parquet    tables.write_parquet
//	tables.read_arrow      tables.write_arrow
//	tables.read_sqlite     tables.write_sqlite
//
// It has no grants: the host opens the one file of a call and hands it over. A
// source reads "input" and writes its rows, batch by batch; a sink reads rows
// and writes "output".
//
// # Types
//
// What a table cannot hold is mapped where nothing is lost and refused by name
// otherwise; see package convert. Names, order and nulls are kept. Metadata of a
// file does not travel, and a sink leaves the metadata of a table out, roles
// among it.
//
// # Reports
//
// A reading kernel tells the columns before the first row, with the number of
// rows under "bulkhead.rows" in the metadata of the schema where the file tells
// it. A writing kernel reports rows, and counts what it replaced.
package main

import (
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
)

func main() {
	plugin.Serve(info(), kernel.Serve(kernels()...))
}

func info() plugin.Info { return plugin.Info{Name: "tables"} }

func kernels() []kernel.Kernel {
	return []kernel.Kernel{
		reading("read_parquet", "Read a Parquet file.", readParquet),
		reading("read_arrow", "Read an Arrow IPC file or stream (Feather version 2).", readArrow),
		reading("read_sqlite", "Read a table, a view or a query of a SQLite database.", readSQLite),
		writing("write_parquet", "Write a Parquet file.", writeParquet),
		writing("write_arrow", "Write an Arrow IPC file (Feather version 2).", writeArrow),
		writing("write_sqlite", "Write a SQLite database with one table.", writeSQLite),
	}
}
