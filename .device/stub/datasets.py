"""Stands in for the datasets library on a device whose huggingface_hub it does not accept: what training reads, no more."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


class Dataset:
    def __init__(self, table: pa.Table) -> None:
        self.table = table

    @classmethod
    def from_parquet(cls, path: str) -> "Dataset":
        return cls(pq.read_table(path))

    def save_to_disk(self, folder: str) -> None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        pq.write_table(self.table, Path(folder) / "posts.parquet")

    def select(self, rows: Any) -> "Dataset":
        return Dataset(self.table.take(pa.array(np.asarray(rows))))

    def __len__(self) -> int:
        return self.table.num_rows

    def __getitem__(self, key: str | int) -> Any:
        return self.table[key].to_pylist() if isinstance(key, str) else self.table.slice(int(key), 1).to_pylist()[0]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.table.to_pylist())


def load_from_disk(folder: str) -> Dataset:
    return Dataset.from_parquet(str(Path(folder) / "posts.parquet"))
