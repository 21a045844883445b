"""Read a customer's file into text and rows, and say what is wrong with it: encodings, columns, lines.

Nothing here knows what a column means (`formats.py`) or touches a database. Problems are collected, not raised, so that
one run names every bad row; a file with a problem gives no rows at all.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

MAX_BYTES = 256 * 1024 * 1024  # a street office's 60,000 entities are 30 MB; what is larger is split by area
SHOWN = 120  # characters of a refused value that are repeated to the reader


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is refused or remarked: a stable code and a template over the facts, in Chinese and in English."""

    code: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that keeps a file out. `line` counts from 1, the header being line 1; for GeoJSON it is the feature's
    place in the file. `column`, `line` and `value` are None where the whole file is meant.
    """

    file: str
    line: int | None
    column: str | None
    value: str | None
    code: str
    reason_zh: str
    reason_en: str


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that the reader should know although the file is taken."""

    file: str
    line: int | None
    column: str | None
    value: str | None
    code: str
    text_zh: str
    text_en: str


@dataclass(slots=True)
class Report:
    """Everything that was said about the files of one load, in the order of reading."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def refuse(
        self,
        reason: Reason,
        file: str,
        *,
        line: int | None = None,
        column: str | None = None,
        value: str | None = None,
        **facts: Any,
    ) -> None:
        """Add a problem; `facts` fill the templates of the reason."""
        text = (reason.zh.format(**facts), reason.en.format(**facts))
        self.problems.append(Problem(file, line, column, shown(value), reason.code, *text))

    def say(
        self,
        reason: Reason,
        file: str,
        *,
        line: int | None = None,
        column: str | None = None,
        value: str | None = None,
        **facts: Any,
    ) -> None:
        """Add a note; `facts` fill the templates of the reason."""
        text = (reason.zh.format(**facts), reason.en.format(**facts))
        self.notes.append(Note(file, line, column, shown(value), reason.code, *text))

    def accepts(self, file: str) -> bool:
        """True while nothing is wrong with the file. All or nothing: one problem, and none of its rows is taken."""
        return all(problem.file != file for problem in self.problems)


class Heading(Protocol):
    """What reading has to know of a column: its name, its Chinese heading, and whether a file must have it."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def required(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it stands in the file: the line where it begins, and the raw text of each column by its name."""

    line: int
    cells: dict[str, str]


TOO_LARGE = Reason(
    "file.too_large", "文件超过 {limit_mb} MB，请按区域拆分", "the file is over {limit_mb} MB: split it by area"
)
EMPTY = Reason("file.empty", "文件是空的，连表头也没有", "the file is empty, without even a header")
NOT_TEXT = Reason(
    "encoding.unknown",
    "既不是 UTF-8（第 {utf8_at} 字节不符），也不是 GB18030/GBK；请另存为 UTF-8",
    "neither UTF-8 (byte {utf8_at} does not fit) nor GB18030/GBK: save it as UTF-8",
)
DAMAGED = Reason(
    "encoding.damaged",
    "UTF-8 文件在第 {utf8_at} 字节处损坏（字节 {byte}），请重新导出",
    "this UTF-8 file is damaged at byte {utf8_at} (byte {byte}): export it again",
)
UTF16_DAMAGED = Reason(
    "encoding.damaged",
    "UTF-16 文件在第 {at} 字节处损坏，请重新导出",
    "this UTF-16 file is damaged at byte {at}: export it again",
)
UTF32 = Reason("encoding.unsupported", "不支持 UTF-32，请另存为 UTF-8", "UTF-32 is not read: save it as UTF-8")
READ_AS = Reason("encoding.converted", "文件按 {encoding} 读取", "the file was read as {encoding}")

NUL = Reason(
    "text.nul",
    "含有空字符（NUL）；若是没有 BOM 的 UTF-16 文件，请另存为 UTF-8",
    "it holds a NUL character; if this is UTF-16 without a byte order mark, save it as UTF-8",
)
DELIMITER = Reason(
    "file.delimiter",
    "表头只有一列且含「{found}」；请用英文逗号分隔",
    "the header is one column with “{found}” in it: separate columns with commas",
)
COLUMN_MISSING = Reason("column.missing", "缺少「{title}」列（{name}）", "the column {name} is missing")
COLUMN_UNKNOWN = Reason("column.unknown", "没有这个列名{hint_zh}", "there is no such column{hint_en}")
COLUMN_TWICE = Reason("column.duplicate", "这一列出现了两次", "this column stands there twice")
COLUMN_UNNAMED = Reason("column.unnamed", "第 {place} 列没有列名", "column {place} has no name")
RAGGED = Reason(
    "row.ragged",
    "这一行有 {found} 列，表头有 {wanted} 列",
    "this row has {found} columns, the header has {wanted}",
)
TOO_LONG = Reason("cell.too_long", "单元格过长（超过 {limit} 字）", "a cell is too long (over {limit} characters)")
QUOTES = Reason(
    "file.quotes",
    "从这一行起引号不成对，后面的内容无法读取",
    "from this row on the quotation marks do not pair; what follows cannot be read",
)
BLANK_ROWS = Reason("row.blank", "跳过 {count} 个空行", "{count} blank rows were skipped")


def read_csv(
    source: Path | bytes, headings: Sequence[Heading], report: Report, *, file: str | None = None
) -> list[Row]:
    """Rows of a CSV with the given headings, in any order; [] when the file is refused, with the reasons in `report`.

    `source` is a path or the bytes; `file` names it in the report (default: the name of the path). A heading may stand
    there by its name or by its Chinese title. Raises OSError when the path cannot be read.
    """
    file = file_name(source, file)
    text = read_text(source, report, file)
    if text is None:
        return []
    rows, names, blank = [], None, 0
    for line, cells in _records(text, report, file):
        if not any(cell.strip() for cell in cells):
            blank += bool(cells)  # a line of commas; an empty line is nothing to speak of
        elif names is None:
            names = _header(cells, headings, report, file, line)
            if names is None:
                return []
        elif len(cells) != len(names):
            report.refuse(RAGGED, file, line=line, value=",".join(cells), found=len(cells), wanted=len(names))
        else:
            row = Row(line, dict(zip(names, cells, strict=True)))
            for name in (name for name, cell in row.cells.items() if "\0" in cell):
                report.refuse(NUL, file, line=line, column=name, value=row.cells[name])
            rows.append(row)
    if names is None and report.accepts(file):
        report.refuse(EMPTY, file)
    if blank:
        report.say(BLANK_ROWS, file, count=blank)
    return rows if report.accepts(file) else []


def read_text(source: Path | bytes, report: Report, file: str) -> str | None:
    """The text of a file, without its byte order mark; None when it is refused. Anything but UTF-8 is noted."""
    data = source.read_bytes() if isinstance(source, Path) else source
    if len(data) > MAX_BYTES:
        report.refuse(TOO_LARGE, file, limit_mb=MAX_BYTES // 2**20)
        return None
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _read_marked(data, encoding, report, file)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        stopped = error.start
    if _mostly_utf8(data, stopped):
        report.refuse(DAMAGED, file, utf8_at=stopped, byte=f"0x{data[stopped]:02X}")
        return None
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        text = None
    if text is None or not _looks_like_simplified_chinese(text):
        report.refuse(NOT_TEXT, file, utf8_at=stopped)
        return None
    report.say(READ_AS, file, encoding="GB18030/GBK")
    return text


def file_name(source: Path | bytes, file: str | None) -> str:
    """The name under which a source is reported: the one given, or the last part of its path."""
    if file is not None:
        return file
    if isinstance(source, Path):
        return source.name
    raise TypeError("bytes have no name of their own: give `file`")


def shown(value: str | None) -> str | None:
    """A value as it is repeated to the reader: shortened, control characters made visible."""
    if value is None:
        return None
    visible = "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in value)
    return visible if len(visible) <= SHOWN else visible[: SHOWN - 1] + "…"


# UTF-32 first: its little-endian mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, None),
    (codecs.BOM_UTF32_BE, None),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def _read_marked(data: bytes, encoding: str | None, report: Report, file: str) -> str | None:
    if encoding is None:
        report.refuse(UTF32, file)
        return None
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding == "utf-16":
            report.refuse(UTF16_DAMAGED, file, at=error.start)
        else:
            at = error.start + len(codecs.BOM_UTF8)
            report.refuse(DAMAGED, file, utf8_at=at, byte=f"0x{data[at]:02X}")
        return None
    if encoding == "utf-16":
        report.say(READ_AS, file, encoding="UTF-16")
    return text


def _mostly_utf8(data: bytes, stopped: int) -> bool:
    """True when the bytes around the place where UTF-8 stopped are UTF-8 after all: damaged, not another code.

    Chinese characters are three bytes in UTF-8. In a GBK file such triples come up by chance, in one of sixty
    characters or so; in a UTF-8 file they are nearly everything.
    """
    text = data[max(0, stopped - 32_768) : stopped + 32_768].decode("utf-8", errors="replace")
    bad = text.count("\ufffd")
    return sum(character >= "\u0800" for character in text) - bad > bad


def _looks_like_simplified_chinese(text: str) -> bool:
    """True when nine of ten characters beyond ASCII are those of GB 2312.

    GB18030 gives nearly any bytes a meaning: Big5 and Shift-JIS files decode too, into characters nobody uses.
    """
    beyond = [character for character in text[:100_000] if character > "\x7f"]
    common = sum(bool(character.encode("gb2312", errors="ignore")) for character in beyond)
    return common >= 0.9 * len(beyond)


def _records(text: str, report: Report, file: str):
    """(line where it begins, cells) of each record; stops with a problem where the quotation marks go wrong."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            yield line, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "field limit" in str(error):
                report.refuse(TOO_LONG, file, line=line, limit=csv.field_size_limit())
            else:
                report.refuse(QUOTES, file, line=line)
            return


def _header(cells: list[str], headings: Sequence[Heading], report: Report, file: str, line: int) -> list[str] | None:
    """The column names in the order of the file, or None when a column is missing, unknown, unnamed or there twice."""
    known = {heading.title: heading.name for heading in headings} | {heading.name: heading.name for heading in headings}
    if any("\0" in cell for cell in cells):
        report.refuse(NUL, file, line=line)
        return None
    for separator, word in ((";", ";"), ("\t", "Tab"), ("；", "；"), ("，", "，")):
        if len(cells) == 1 and separator in cells[0]:
            report.refuse(DELIMITER, file, line=line, value=cells[0], found=word)
            return None
    names: list[str] = []
    for place, cell in enumerate((cell.strip() for cell in cells), start=1):
        name = known.get(cell)
        if not cell:
            report.refuse(COLUMN_UNNAMED, file, line=line, place=place)
        elif name is None:
            close = difflib.get_close_matches(cell, known, n=1)
            hint_zh, hint_en = (f"；是否为「{close[0]}」", f"; did you mean {close[0]}?") if close else ("", "")
            report.refuse(COLUMN_UNKNOWN, file, line=line, column=shown(cell), hint_zh=hint_zh, hint_en=hint_en)
        elif name in names:
            report.refuse(COLUMN_TWICE, file, line=line, column=name)
        else:
            names.append(name)
    for heading in headings:
        if heading.required and heading.name not in names:
            report.refuse(COLUMN_MISSING, file, line=line, column=heading.name, name=heading.name, title=heading.title)
    return names if report.accepts(file) else None
