"""The sheets: right paper, every QR code readable from the picture, the address below, no paper without a font or a host."""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
import zxingcpp
from click.testing import CliRunner, Result
from flask import Flask
from PIL import Image
from pypdf import PdfReader

from gridwatch.config import SettingRefused, Settings
from gridwatch.domain import tag_code
from gridwatch.tags.commands import tags
from gridwatch.tags.labels import SHEETS, Label, print_labels, qr_matrix, qr_svg
from tests.fixtures import Caller, World
from tests.tags.conftest import DOOR, FAR_DOOR, HOST, NEXT_DOOR, issued

HERE = Settings(public_url=f"https://{HOST}")
LONG = "广东省东莞市南城街道鸿福社区鸿福路200号第一国际汇一城商业中心五区购物广场二期" * 5
A4 = (595.3, 841.9)


def labels(number: int) -> list[Label]:
    made = [Label(tag_code.make_tag("441900", n * 7919), f"南城街道鸿福路{n}号") for n in range(number)]
    return [Label(made[0].code, LONG[:200]), *made[1:]] if number else []


def decoded(picture: Image.Image) -> list[str]:
    return [one.text for one in zxingcpp.read_barcodes(picture)]


@pytest.mark.parametrize(
    "text", ["https://a.cn/t/" + "0" * 18, f"https://{HOST}/t/{tag_code.make_tag('441900', 2**60 - 1)}"]
)
def test_a_code_is_read_out_of_its_own_picture(text: str):
    matrix = qr_matrix(text)
    picture = Image.new("L", (len(matrix), len(matrix)), 255)
    picture.putdata([0 if dark else 255 for row in matrix for dark in row])
    assert decoded(picture.resize((len(matrix) * 4,) * 2, Image.Resampling.NEAREST)) == [text]
    # The SVG says the same modules: as many dark squares in its runs as in the matrix.
    lengths = [int(run.split("v")[0]) for run in qr_svg(text).split('d="')[1].split("h")[1:] if not run.startswith("-")]
    assert sum(lengths) == sum(map(sum, matrix))
    assert all(
        not any(matrix[edge]) and not any(row[edge] for row in matrix) for edge in (0, 3, -4, -1)
    )  # the quiet zone


@pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="poppler-utils is not installed")
@pytest.mark.parametrize("per_page", SHEETS)
def test_every_label_of_a_printed_sheet_can_be_scanned(per_page: int, tmp_path: Path):
    wanted = labels(per_page + 1)
    (made,) = print_labels(wanted, per_page, HERE)
    (tmp_path / "labels.pdf").write_bytes(made)
    subprocess.run(["pdftoppm", "-r", "150", "-gray", "labels.pdf", "page"], cwd=tmp_path, check=True)
    found = [text for file in sorted(tmp_path.glob("page*")) for text in decoded(Image.open(file))]
    assert sorted(found) == sorted(f"https://{HOST}/t/{one.code}" for one in wanted)


@pytest.mark.parametrize("per_page", SHEETS)
def test_the_words_are_below_and_the_paper_is_a4(per_page: int):
    wanted = labels(per_page * 2 + 1)
    pages = PdfReader(io.BytesIO(print_labels(wanted, per_page, HERE)[0])).pages
    assert len(pages) == 3
    assert all(
        (float(page.mediabox.width), float(page.mediabox.height)) == pytest.approx(A4, abs=0.1) for page in pages
    )
    text = "".join(pages[0].extract_text().split())
    assert tag_code.grouped(wanted[1].code) in text
    assert HOST in text
    assert "南城街道鸿福路1号" in text
    assert LONG[:200][-12:] in text


def test_an_address_is_text_and_never_a_command_of_the_typesetter():
    nasty = '#panic("x") *粗* $x$ @ref <a> \\ ` " 路1号'
    (made,) = print_labels([Label(tag_code.make_tag("441900", 1), nasty)], 24, HERE)
    assert '#panic("x")' in PdfReader(io.BytesIO(made)).pages[0].extract_text()


def test_sheets_over_the_api(street: Caller, client: Caller, world: World):
    codes = issued(street, DOOR, NEXT_DOOR, FAR_DOOR)
    pdf = street.post("/api/v1/tags/labels", {"community": world.street})
    assert (pdf.status, pdf.headers["Content-Type"]) == (200, "application/pdf")
    text = PdfReader(io.BytesIO(pdf.response.data)).pages[0].extract_text()
    assert all(tag_code.grouped(code) in text for code in codes)
    svg = street.post("/api/v1/tags/labels", {"codes": codes, "format": "svg", "per_page": 40})
    archive = zipfile.ZipFile(io.BytesIO(svg.response.data))
    assert archive.namelist() == ["labels-1.svg"]
    assert archive.read("labels-1.svg").count(b"<image") == 3
    street.post(f"/api/v1/tags/{codes[0]}/void", {"reason": "拆除"})
    for body, code in (({"codes": codes[:1]}, "tag.nothing_to_print"), ({"codes": ["x"]}, "tag.nothing_to_print"),
                       ({"codes": codes, "per_page": 25}, "input.invalid"), ({}, "input.invalid")):  # fmt: skip
        answer = street.post("/api/v1/tags/labels", body)
        assert (answer.status, answer.body["code"]) == (422, code)


def test_without_a_public_address_nothing_is_printed():
    with pytest.raises(Exception, match=r"tag\.no_public_url"):
        print_labels(labels(1), 24, Settings())
    for wrong in (
        "grid.example.gov.cn",
        "ftp://x.cn",
        "https://x.cn/path",
        "https://x.cn/?a=1",
        "https://u:p@x.cn",
        "https://",
    ):
        with pytest.raises(SettingRefused, match="PUBLIC_URL"):
            Settings.from_environment({"GRIDWATCH_PUBLIC_URL": wrong})


def test_the_command_issues_and_prints(app: Flask, doors: None, world: World, tmp_path: Path):
    runner = CliRunner()

    def run(*arguments: str, **more: str) -> Result:
        return runner.invoke(tags, list(arguments), obj=lambda: app, **more)

    assert "新发 3 个" in run("issue", "--community", world.street).output
    assert "新发 0 个，已有 3 个" in run("issue", "--community", world.street).output
    assert "新发 1 个" in run("issue", "--addresses", "-", "--again", input=f"{DOOR}\n\n").output
    out = tmp_path / "sheet.pdf"
    assert "4 个标签" in run("labels", "--community", world.street, "--per-page", "40", "--out", str(out)).output
    assert out.read_bytes().startswith(b"%PDF")
    for wrong in (
        ["issue"],
        ["issue", "--community", "999"],
        ["issue", "--addresses", "-"],
        ["labels", "--community", world.street, "--out", "x.doc"],
    ):
        assert run(*wrong, input="nowhere\n").exit_code == 2
