# SPDX-License-Identifier: Apache-2.0
"""Hello-python-tables reads and writes Parquet files, in place of the plugin tables."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from bulkhead import DATA, Info, Kernel, error, serve, setting


@dataclass
class Read:
    schema_only: bool = setting(False, doc="Tell the columns of the file and read no row.")


class ReadParquet(Kernel):
    """Reads a Parquet file."""

    name, compartment, settings, reads_file = "read_parquet", DATA, Read, True

    def transform(self, batches):
        for _ in batches:  # a source has no rows to read
            pass
        try:
            file = pq.ParquetFile(self.setup.file("input"))
        except pa.ArrowInvalid as e:
            raise error("Not a Parquet file", f"{e}") from e
        schema = file.schema_arrow.remove_metadata()
        yield pa.RecordBatch.from_pylist([], schema=schema)  # tells the columns, also of a file without rows
        if not self.config.schema_only:
            for batch in file.iter_batches():
                yield batch.replace_schema_metadata()
        return {"rows": file.metadata.num_rows}


class WriteParquet(Kernel):
    """Writes a Parquet file."""

    name, compartment, writes_file = "write_parquet", DATA, True

    def transform(self, batches):
        with pq.ParquetWriter(self.setup.file("output"), batches.schema) as file:
            for batch in batches:
                file.write_batch(batch)
        return {"rows": batches.rows}


if __name__ == "__main__":
    serve(Info("hello-python-tables", "0.1.0"), kernels=[ReadParquet, WriteParquet])
