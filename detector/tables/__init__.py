"""Files of posts as tables: CSV, JSONL and Parquet, read row by row."""

from detector.tables.opening import STANDARD_INPUT, SUFFIXES, Format, is_named_as_table, open_table
from detector.tables.rows import Row, Table, reading

__all__ = ["STANDARD_INPUT", "SUFFIXES", "Format", "Row", "Table", "is_named_as_table", "open_table", "reading"]
