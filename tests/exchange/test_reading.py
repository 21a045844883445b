"""What `read_csv` does with files as customers send them: encodings, columns, lines. Tables of bytes in, words out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from gridwatch.exchange import reading
from gridwatch.exchange.reading import Report, read_csv, shown

NANCHENG = Path(__file__).parents[1] / "data/nancheng"


@dataclass(frozen=True)
class Heading:
    name: str
    title: str
    required: bool = True


HEADINGS = (Heading("code", "代码"), Heading("name", "名称"), Heading("road", "道路", required=False))
GOOD = "code,name,road\n1,周溪社区,宏图路\n2,石鼓社区,\n"


def read(source: bytes | str):
    report = Report()
    rows = read_csv(source.encode() if isinstance(source, str) else source, HEADINGS, report, file="areas.csv")
    return rows, report


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (GOOD.encode(), None),
        (GOOD.encode("utf-8-sig"), None),
        (GOOD.encode("gbk"), "GB18030/GBK"),
        (GOOD.encode("gb18030"), "GB18030/GBK"),
        (GOOD.encode("utf-16"), "UTF-16"),
        (b"\xfe\xff" + GOOD.encode("utf-16-be"), "UTF-16"),
        (GOOD.replace("\n", "\r\n").encode(), None),
        (GOOD.replace("\n", "\r").encode(), None),
    ],
    ids=["utf-8", "utf-8 with mark", "gbk", "gb18030", "utf-16 le", "utf-16 be", "crlf", "cr"],
)
def test_every_usual_encoding_gives_the_same_rows_and_says_what_it_was(data, note):
    rows, report = read(data)
    assert [(row.line, row.cells) for row in rows] == [
        (2, {"code": "1", "name": "周溪社区", "road": "宏图路"}),
        (3, {"code": "2", "name": "石鼓社区", "road": ""}),
    ]
    assert report.problems == []
    assert [(n.code, n.file) for n in report.notes] == ([("encoding.converted", "areas.csv")] if note else [])
    assert all(note in n.text_zh and note in n.text_en for n in report.notes)


def test_the_real_register_reads_the_same_in_gb18030():
    path = NANCHENG / "entities.csv"
    headings = [Heading(name, name) for name in path.read_text(encoding="utf-8").split("\n", 1)[0].split(",")]
    as_it_is, report = read_csv(path, headings, Report()), Report()
    converted = path.read_text(encoding="utf-8").encode("gb18030")
    assert read_csv(converted, headings, report, file="entities.csv") == as_it_is
    assert len(as_it_is) == 1673
    assert [note.code for note in report.notes] == ["encoding.converted"]


UTF8_HEADER = b"code,name,road\n"


@pytest.mark.parametrize(
    ("data", "code", "said"),
    [
        (UTF8_HEADER + "东莞市南城街道".encode() + b"\xff" + "周溪社区".encode(), "encoding.damaged", "第 36 字节"),
        (b"\xef\xbb\xbf" + UTF8_HEADER + "周溪社区".encode()[:-1], "encoding.damaged", "第 27 字节"),
        (UTF8_HEADER + "周溪社区,石鼓社区".encode()[:1] + "溪社区石鼓".encode(), "encoding.damaged", "第 15 字节"),
        (GOOD.encode("utf-16")[:-1], "encoding.damaged", "UTF-16"),
        (GOOD.encode("utf-32"), "encoding.unsupported", "UTF-32"),
        (UTF8_HEADER + "1,東莞市南城區市場監督管理局餐飲服務許可證,".encode("big5"), "encoding.unknown", "第 17 字节"),
        (UTF8_HEADER + "1,東京都港区カタカナ,".encode("shift-jis"), "encoding.unknown", "第 17 字节"),
        (UTF8_HEADER + "1,Café Montréal,".encode("latin-1"), "encoding.unknown", "第 20 字节"),
        (GOOD.encode("gb18030")[:20], "encoding.unknown", "第 17 字节"),  # cut in the middle of a character
        (b"", "file.empty", "空"),
        (b"\n \n,,\n", "file.empty", "空"),
    ],
    ids=[
        "utf-8 with a stray byte",
        "utf-8 with mark, cut off",
        "utf-8 hurt at once",
        "utf-16 cut off",
        "utf-32",
        "big5",
        "shift-jis",
        "latin-1",
        "gbk cut off",
        "no byte",
        "only blank lines",
    ],  # fmt: skip
)
def test_what_cannot_be_read_is_refused_with_the_place(data, code, said):
    rows, report = read(data)
    assert rows == []
    assert [problem.code for problem in report.problems] == [code]
    assert said in report.problems[0].reason_zh


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("code,road\n1,a\n", [("column.missing", 1, "name")]),
        ("code,name,raod\n1,a,b\n", [("column.unknown", 1, "raod")]),
        ("code,name,code\n1,a,2\n", [("column.duplicate", 1, "code")]),
        ("code,代码,name\n1,2,a\n", [("column.duplicate", 1, "code")]),
        ("code,name,\n1,a,\n", [("column.unnamed", 1, None)]),
        (
            "kode,name,name\n1,a,b\n",
            [("column.unknown", 1, "kode"), ("column.duplicate", 1, "name"), ("column.missing", 1, "code")],
        ),  # fmt: skip
        ("code;name\n1;a\n", [("file.delimiter", 1, None)]),
        ("code\tname\n1\ta\n", [("file.delimiter", 1, None)]),
        ("code，name\n1，a\n", [("file.delimiter", 1, None)]),
        ("c\0o\0d\0e\0,\0n\0\n", [("text.nul", 1, None)]),
        ("code,name\n1,a\n2\n3,b,c\n", [("row.ragged", 3, None), ("row.ragged", 4, None)]),
        ("code,name\n1,a\0b\n", [("text.nul", 2, "name")]),
        ('code,name\n1,"a\n2,b\n3,c\n', [("file.quotes", 2, None)]),
        ('code,name\n1,a\n2,"b"c\n', [("file.quotes", 3, None)]),
        ("code,name\n1," + "宏" * 140_000 + "\n", [("cell.too_long", 2, None)]),
    ],
)
def test_every_fault_of_header_and_rows_is_named_with_its_line(text, problems):
    rows, report = read(text)
    assert rows == []
    assert [(problem.code, problem.line, problem.column) for problem in report.problems] == problems
    assert all(problem.reason_zh and problem.reason_en for problem in report.problems)


def test_an_unknown_column_is_answered_with_the_near_one():
    _, report = read("code,name,raod\n1,a,b\n")
    assert "road" in report.problems[0].reason_zh
    assert "did you mean road?" in report.problems[0].reason_en


def test_chinese_headings_are_taken_and_order_does_not_matter():
    rows, report = read("名称,代码\n周溪社区,1\n")
    assert rows[0].cells == {"name": "周溪社区", "code": "1"}
    assert report.problems == []


def test_a_cell_may_hold_line_breaks_and_the_next_row_knows_its_line():
    rows, _ = read('code,name\n1,"two\nlines"\n2,b\n')
    assert [(row.line, row.cells["name"]) for row in rows] == [(2, "two\nlines"), (4, "b")]


def test_rows_of_nothing_but_commas_are_skipped_and_counted():
    rows, report = read("code,name\n1,a\n,\n\n , \n2,b\n")
    assert [row.line for row in rows] == [2, 6]
    assert [(note.code, note.text_zh) for note in report.notes] == [("row.blank", "跳过 2 个空行")]


def test_one_bad_row_keeps_the_whole_file_out_and_no_other():
    report = Report()
    assert read_csv(b"code,name\n1,a\n2\n", HEADINGS, report, file="areas.csv") == []
    assert len(read_csv(b"code,name\n1,a\n", HEADINGS, report, file="users.csv")) == 1
    assert not report.accepts("areas.csv")
    assert report.accepts("users.csv")


def test_a_header_alone_is_a_file_without_rows():
    rows, report = read("code,name\n")
    assert (rows, report.problems) == ([], [])


def test_a_file_that_is_too_large_is_not_decoded(monkeypatch):
    monkeypatch.setattr(reading, "MAX_BYTES", 10)
    rows, report = read(GOOD)
    assert rows == []
    assert [problem.code for problem in report.problems] == ["file.too_large"]


def test_a_value_is_shown_short_and_harmless():
    assert shown("a\x1b[31m\n") == "a\\x1b[31m\\x0a"
    assert shown("长" * 500) == "长" * 119 + "…"
    assert shown(None) is None


def test_bytes_need_a_name_and_a_missing_path_is_the_callers_matter(tmp_path):
    with pytest.raises(TypeError, match="give `file`"):
        read_csv(b"", HEADINGS, Report())
    with pytest.raises(FileNotFoundError):
        read_csv(tmp_path / "none.csv", HEADINGS, Report())
