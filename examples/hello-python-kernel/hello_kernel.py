# SPDX-License-Identifier: Apache-2.0
"""Hello-python-kernel is a complete kernel plugin: it learns the mean of every float64 feature."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from bulkhead import DATA, Info, Kernel, error, serve, setting, state
from bulkhead.batches import features


@dataclass
class Settings:
    least_rows: int = setting(1, min=1, doc="Fewest rows to learn from.")


class Centre(Kernel):
    """Subtracts from every float64 feature the mean that it had in the fit."""

    name, compartment, settings, row_wise, state_version = "centre", DATA, Settings, True, 1

    def columns(self) -> list[str]:
        schema = self.setup.schema
        return [schema.field(i).name for i in features(schema) if schema.field(i).type == pa.float64()]

    def output_schema(self) -> pa.Schema:
        return self.setup.schema

    def fit(self, batches):
        table = batches.read_all()
        if table.num_rows < self.config.least_rows:
            raise error("Too few rows", f"There are {table.num_rows}.").at("least_rows")
        self.means = {c: pc.mean(table[c]).as_py() or 0.0 for c in self.columns()}
        return {"rows": table.num_rows, "columns": len(self.means)}

    def save(self) -> bytes:
        saved = state.Writer("hello.centre", self.state_version, seed=self.setup.seed)
        return saved.strings("columns", self.means).floats("means", self.means.values()).bytes()

    def load(self, data: bytes) -> None:
        saved = state.Reader(data, "hello.centre", self.state_version)
        columns = saved.strings("columns")
        self.means = dict(zip(columns, saved.floats("means", len(columns))))
        saved.end()

    def transform(self, batches):
        for batch in batches:
            for name, mean in self.means.items():
                at = batch.schema.get_field_index(name)
                batch = batch.set_column(at, batch.schema.field(at), pc.subtract(batch[name], mean))
            yield batch


if __name__ == "__main__":
    serve(Info("hello-python-kernel", "0.1.0"), kernels=[Centre])
