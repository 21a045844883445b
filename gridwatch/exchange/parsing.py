"""The rows of a CSV against a table of columns: every cell parsed, every bad row named, duplicates found.

`read_table` gives all rows of a file or none. References to other files need a store to be judged: a table names them,
and `check_references` judges them against the codes that the caller knows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from gridwatch.domain.datum import Datum
from gridwatch.exchange.cells import BLANK, Parser, Unfit
from gridwatch.exchange.reading import Reason, Report, Row, file_name, read_csv


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, its Chinese heading (also taken as header), how a cell is read, what it refers to.

    A required column must be in the file and filled in every row. Any other may be missing or blank and is then
    `blank`. `refers` is the name of the table whose codes may stand here.
    """

    name: str
    title: str
    parse: Parser
    required: bool = False
    blank: Any = None
    refers: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One parsed row: the line where it begins and a value for every column of its table, plus what checks added."""

    line: int
    values: dict[str, Any]

    def __getitem__(self, column: str) -> Any:
        return self.values[column]


@dataclass(frozen=True, slots=True)
class Context:
    """What a check may use: the report and the file it speaks of, the datum stated for the whole file, and today."""

    report: Report
    file: str
    datum: Datum | None
    today: date

    def refuse(self, reason: Reason, record: Record, column: str, **facts: Any) -> None:
        """Refuse the row for the value that it has in `column`."""
        value = record[column]
        self.report.refuse(
            reason, self.file, line=record.line, column=column, value=None if value is None else str(value), **facts
        )

    def say(self, reason: Reason, record: Record, column: str, **facts: Any) -> None:
        """Note something about the value that the row has in `column`."""
        self.report.say(reason, self.file, line=record.line, column=column, value=str(record[column]), **facts)


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of file. `key` is the columns that no two rows of a file share; its first is the code others refer to.

    `check_row` sees each row that parsed and may add values to it; `check_file` sees all of them.
    """

    name: str
    file: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    check_row: Callable[[Record, Context], None] | None = None
    check_file: Callable[[list[Record], Context], None] | None = None

    @property
    def references(self) -> dict[str, str]:
        """Column → name of the table (or `grids`) that its codes must be found in."""
        return {column.name: column.refers for column in self.columns if column.refers is not None}


DUPLICATE = Reason("row.duplicate", "与第 {first} 行重复（{columns}）", "the same as in line {first} ({columns})")
UNKNOWN_CODE = Reason("reference.unknown", "{table} 中没有这个代码", "there is no such code among the {table}")


def read_table(
    table: Table,
    source: Path | bytes,
    report: Report,
    *,
    today: date,
    file: str | None = None,
    datum: Datum | None = None,
) -> list[Record]:
    """The parsed rows of one file in their order; [] when anything is wrong with it, every reason being in `report`.

    `datum` is what the caller says of coordinates that carry none; `today` refuses registrations of the future.
    Raises OSError when the path cannot be read. What was folded is noted, never silent.
    """
    context = Context(report, file_name(source, file), datum, today)
    rows = read_csv(source, table.columns, report, file=context.file)
    records = [record for record in (_parse(table, row, context) for row in rows) if record is not None]
    if table.check_row is not None:
        for record in records:
            table.check_row(record, context)
    _refuse_duplicates(records, table.key, context)
    if table.check_file is not None:
        table.check_file(records, context)
    return records if report.accepts(context.file) else []


def check_references(
    table: Table,
    records: list[Record],
    known: Mapping[str, Collection[str]],
    report: Report,
    *,
    file: str | None = None,
) -> None:
    """Refuse every code that `known`, by name of table, does not hold; a table that refers to itself knows its own.

    `file` is the name under which the rows were read (default: that of the table).
    """
    own = {record[table.key[0]] for record in records}
    for column, target in table.references.items():
        for record in records:
            value = record[column]
            for code in value if isinstance(value, tuple) else (value,):
                if code is None or code in known[target] or (target == table.name and code in own):
                    continue
                report.refuse(
                    UNKNOWN_CODE, file or table.file, line=record.line, column=column, value=code, table=target
                )


def _parse(table: Table, row: Row, context: Context) -> Record | None:
    """The row with every cell read, or None when a cell cannot be; each such cell is a problem of its own."""
    values: dict[str, Any] = {}
    fits = True
    for column in table.columns:
        cell = row.cells.get(column.name, "")
        reason, facts = None, {}
        if cell.strip():
            try:
                values[column.name] = column.parse(cell)
            except Unfit as unfit:
                reason, facts = unfit.reason, unfit.facts
        elif column.required:
            reason, facts = BLANK, {"title": column.title, "name": column.name}
        else:
            values[column.name] = column.blank
        if reason is not None:
            fits = False
            context.report.refuse(reason, context.file, line=row.line, column=column.name, value=cell, **facts)
    return Record(row.line, values) if fits else None


def _refuse_duplicates(records: list[Record], key: tuple[str, ...], context: Context) -> None:
    first: dict[tuple[Any, ...], int] = {}
    for record in records:
        line = first.setdefault(tuple(record[column] for column in key), record.line)
        if line != record.line:
            context.refuse(DUPLICATE, record, key[0], first=line, columns=", ".join(key))
