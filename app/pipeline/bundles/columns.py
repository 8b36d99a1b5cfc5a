"""Columns of evidence as Parquet and back: the same numbers to the last bit, NaN kept, few different words as a dictionary."""

import io
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, BinaryIO, TypeVar, get_type_hints

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PolarsError

from app.domain.evidence import Flags, Floats, Numbers, Words, words
from app.pipeline.bundles.exact import NotExact

Column = NDArray[Any]
Table = TypeVar("Table")
# So many different words are a dictionary; users' ids are not.
FEW = 5_000
MOST_ROWS = 50_000_000
_DTYPES = {np.dtype(np.int64): Numbers, np.dtype(np.float64): Floats, np.dtype(bool): Flags, np.dtype(object): Words}


def write_columns(columns: Mapping[str, Column], target: BinaryIO) -> int:
    """Writes columns of the same length as one Parquet file; gives how many rows they have.

    Args:
        columns: By name; int64, float64, bool, or words.
        target: Where to.
    """
    frame = pl.DataFrame([_series(name, column) for name, column in columns.items()])
    frame.write_parquet(target, compression="zstd", compression_level=3, row_group_size=262_144)
    return frame.height


def _series(name: str, column: Column) -> pl.Series:
    kind = _DTYPES.get(column.dtype)
    if kind is None or column.ndim != 1:
        message = f"{name}: no way to write a column of {column.dtype} with {column.ndim} dimensions exactly"
        raise NotExact(message)
    if kind != Words:
        return pl.Series(name, column)
    series = pl.Series(name, column.tolist(), dtype=pl.String, strict=True)
    if series.null_count():
        message = f"{name}: a missing word is '', not None"
        raise NotExact(message)
    if series.n_unique() > FEW:
        return series
    return series.cast(pl.Enum(series.unique().sort()))


def read_columns(content: bytes, name: str) -> dict[str, Column]:
    """The columns of a Parquet file; `NotExact` names the file if it is none."""
    try:
        rows = pl.scan_parquet(io.BytesIO(content)).select(pl.len()).collect().item()
        if rows > MOST_ROWS:
            message = f"{name}: {rows} rows are more than a bundle has"
            raise NotExact(message)
        frame = pl.read_parquet(io.BytesIO(content), memory_map=False)
    except PolarsError as error:
        message = f"{name}: cannot be read as Parquet: {error}"
        raise NotExact(message) from error
    return {series.name: _column(series, name) for series in frame}


def _column(series: pl.Series, file: str) -> Column:
    if series.null_count():
        message = f"{file}: the column {series.name} has rows without a value"
        raise NotExact(message)
    if isinstance(series.dtype, pl.Enum):
        different = words(series.dtype.categories.to_list())
        return np.asarray(different[series.to_physical().to_numpy().astype(np.int64)], dtype=object)
    if series.dtype == pl.String:
        return words(series.to_list())
    return np.array(series.to_numpy())  # one that can be written to, as those that are read from the store


def columns_of(table: Any) -> dict[str, Column]:
    """The columns of a dataclass of columns, by their names."""
    return {field.name: getattr(table, field.name) for field in fields(table)}


def table_of(kind: type[Table], columns: Mapping[str, Column], file: str) -> Table:
    """A dataclass of columns from what was read; `NotExact` if names, kinds or lengths are others."""
    hints = get_type_hints(kind)
    if columns.keys() != hints.keys():
        message = f"{file}: its columns differ from {kind.__name__}'s by {', '.join(sorted(columns.keys() ^ hints.keys()))}"
        raise NotExact(message)
    for name, column in columns.items():
        if _DTYPES.get(column.dtype) != hints[name]:
            message = f"{file}: the column {name} is of another kind: {column.dtype}"
            raise NotExact(message)
    return kind(**columns)
