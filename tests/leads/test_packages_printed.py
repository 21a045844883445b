"""The package as it is handed out: a PDF that people read, and a ZIP with everything and its hashes."""

from __future__ import annotations

import hashlib
import io
import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest
from flask import Flask
from pypdf import PdfReader
from sqlalchemy import select

from gridwatch.app import create_app
from gridwatch.audit.models import Event
from gridwatch.config import Settings
from gridwatch.db.base import db
from gridwatch.jobs import checks
from gridwatch.web.printing import faces
from tests.files.sending import Sender, jpeg, sha256
from tests.fixtures import Caller, Clock, Work, World
from tests.leads.desks import PHOTO, Desk
from tests.leads.roads import Road

SD, SO, LG = "street_dispatcher", "supervision_office", "leading_group"
SCENE = jpeg(colour="navy")
LICENCE = jpeg(400, 600, colour="green")


@pytest.fixture
def road(desk: Callable[[str], Desk], world: World, clock: Clock, reported: Callable[..., str], client: Caller) -> Road:
    """A lead that went to the wrong department and came to the right one, with two photos here and one that never came."""
    road = Road(desk, world, clock, reported)
    road.to_street_returned()
    road.does(SD, "push", **road.push_2, evidence=[PHOTO])
    clock.set("2026-09-22 10:30")
    found = {**road.intervention, "evidence": [sha256(SCENE), sha256(LICENCE)]}
    road.does("case_officer_2", "intervene", **found)
    officer = Sender(client.as_("case_officer_2"))
    for photo in (SCENE, LICENCE):
        officer.sends(photo)
    road.package(SD)
    return road


def path(road: Road, form: str) -> str:
    return f"/api/v1/leads/{road.lead}/package?format={form}"


def words(pdf: bytes) -> str:
    """The text of a PDF without blanks and line breaks, which a typesetter puts where it likes."""
    return "".join("".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())


def test_the_pdf_tells_the_whole_lead_and_nothing_of_the_reporter(road: Road) -> None:
    answer = road.seat(LG).caller.get(path(road, "pdf"))
    data = answer.response.data
    assert (answer.status, answer.response.mimetype) == (200, "application/pdf")
    assert answer.headers["Repr-Digest"] == f"sha-256=:{b64encode(hashlib.sha256(data).digest()).decode()}:"
    said = words(data)
    seen, package = road.seen, road.seat(SO).caller.get(path(road, "json"))
    for wanted in (
        "南城街道线索材料", seen["no"], "关于“无证小餐馆”线索办理情况的材料", "鸿福路88号", "现场经营，未见食品经营许可证",
        "许可行业无证照经营", "部门办理", "主办", "已退回", "2026年9月18日周五",
        "申请退回", "同意退回", "非本部门职责", "介入处理", "2026年9月22日周二10:30", "现场检查", "证据1", "文件尚未收到",
        hashlib.sha256(package.response.data).hexdigest(), PHOTO[:32],
    ):  # fmt: skip
        assert wanted in said, wanted
    names = {one["name"] for one in seen["assignments"]}
    assert len(names) == 2
    assert all(name in said for name in names)
    reporter = road.seat("grid_worker").caller.signed_in["user"]
    assert reporter["name"] not in said
    pictures = [image for page in PdfReader(io.BytesIO(data)).pages for image in page.images]
    assert len(pictures) == 2


def test_the_pdf_is_english_for_whoever_reads_english(road: Road) -> None:
    answer = road.seat(SO).caller.get(path(road, "pdf"), headers={"Accept-Language": "en"})
    said = words(answer.response.data)
    assert "4.Evidence" in said
    assert "Papersonthelead" in said
    assert "二、" not in said


def test_the_zip_holds_everything_and_says_what_is_missing(road: Road, work: Work) -> None:
    caller = road.seat(SO).caller
    answer = caller.get(path(road, "zip"))
    assert (answer.status, answer.response.mimetype) == (200, "application/zip")
    assert answer.response.is_streamed
    with ZipFile(io.BytesIO(answer.response.data)) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(files.pop("manifest.json"))
    assert {one["name"]: (one["sha256"], one["size"]) for one in manifest["files"]} == {
        name: (sha256(data), len(data)) for name, data in files.items()
    }
    package = json.loads(files["package.json"])
    assert sha256(files["package.json"]) == manifest["package"]
    assert files["package.json"] == caller.get(path(road, "json")).response.data
    assert files["package.pdf"].startswith(b"%PDF-")
    originals = {name: data for name, data in files.items() if name.startswith("evidence/")}
    assert sorted(originals.values()) == sorted([SCENE, LICENCE])
    assert manifest["missing"] == [PHOTO]
    assert sorted([*manifest["missing"], *map(sha256, originals.values())]) == package["evidence"]
    with work() as session:  # whoever takes originals out is on record
        served = session.scalars(select(Event.subject_id).where(Event.act == "file.served")).all()
    assert sorted(served) == sorted(map(sha256, originals.values()))


@pytest.mark.parametrize("form", ["pdf", "zip"])
@pytest.mark.parametrize("who", ["case_officer_2", "grid_worker", "community_dispatcher", "auditor"])
def test_the_forms_have_the_rights_of_the_package(who: str, form: str, road: Road) -> None:
    answer = road.seat(who).caller.get(path(road, form))
    assert (answer.status, answer.body["code"]) == (404, "lead.not_found")


def test_another_form_is_refused(road: Road) -> None:
    answer = road.seat(SO).caller.get(path(road, "docx"))
    assert (answer.status, answer.body["code"]) == (422, "input.invalid")


def test_without_a_chinese_font_the_pdf_is_refused_and_doctor_says_so(
    road: Road, settings: Settings, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "no-fonts").mkdir()
    app: Flask = create_app(replace(settings, fonts=str(tmp_path / "no-fonts")))
    caller = Caller(app, clock, SO)
    for form in ("pdf", "zip"):
        answer = caller.get(path(road, form))
        assert (answer.status, answer.body["code"]) == (503, "print.no_font")
    assert caller.get(path(road, "json")).status == 200
    with app.app_context():
        line = checks.fonts()
        db.engine.dispose()
    assert not line.ok
    assert "GRIDWATCH_FONTS" in line.fix


def test_a_font_that_is_named_is_taken_whatever_it_is_called(tmp_path: Path) -> None:
    font = next((one for one in map(Path, FONT_FILES) if one.exists()), None)
    if font is None:
        pytest.skip("没有可复制的字体文件 / there is no font file to copy")
    (tmp_path / font.name).write_bytes(font.read_bytes())
    found = faces(Settings(env="test", fonts=str(tmp_path)))
    assert all(families for families in found.by_use.values())
    assert found.by_use["text"]


FONT_FILES = (
    "/usr/share/fonts/truetype/arphic/uming.ttc", "/usr/share/fonts/opentype/noto/NotoSerifCJK-Regular.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
)  # fmt: skip
