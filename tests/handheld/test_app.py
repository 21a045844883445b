"""The app can be installed and opens without a network (feature 36)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.request import urlopen

import pytest
from PIL import Image
from playwright.sync_api import expect

from gridwatch.web import handheld
from tests.fixtures import Caller
from tests.handheld.hands import Hands


def test_every_address_that_the_worker_keeps_is_answered(browser, server: str):
    """One that is not would keep the worker from ever installing, and nothing on the page would say so."""
    worker = (handheld.FOLDER / "sw.js").read_text(encoding="utf-8")
    kept = re.findall(r'"url":"([^"]+)"', worker)
    assert "index.html" in kept
    for name in kept:
        with urlopen(f"{server}/m/{name}") as answer:
            assert answer.status == 200, name


def test_the_manifest_is_complete_and_its_icons_have_their_size(browser, server: str):
    with urlopen(f"{server}/m/manifest.webmanifest") as answer:
        assert answer.headers["Content-Type"] == "application/manifest+json"
        said = json.load(answer)
    assert (said["scope"], said["start_url"], said["display"]) == ("/m/", "/m/", "standalone")
    for icon in said["icons"]:
        with Image.open(handheld.FOLDER / Path(icon["src"]).name) as picture:
            assert f"{picture.width}x{picture.height}" == icon["sizes"]


def test_a_browser_offers_to_install_it(phones, tmp_path: Path):
    hands = phones(tmp_path / "profile")
    hands.open()
    session = hands.context.new_cdp_session(hands.page)
    assert session.send("Page.getInstallabilityErrors")["installabilityErrors"] == []


def test_it_opens_without_a_network(hands: Hands):
    hands.begin()
    hands.goes_offline()
    hands.page.reload()
    expect(hands.page.get_by_text("输入 6 位 PIN")).to_be_visible()


CACHED = [
    ("/m/", "no-cache"),
    ("/m/sw.js", "no-cache"),
    ("/m/index.html", "no-cache"),
    ("/m/assets/", "public, max-age=31536000, immutable"),
]


@pytest.mark.parametrize(("path", "kept"), CACHED)
def test_what_changes_is_asked_for_again_and_what_is_hashed_is_kept(browser, client: Caller, path: str, kept: str):
    if path.endswith("assets/"):
        path += next((handheld.FOLDER / "assets").glob("*.js")).name
    answer = client.get(path)
    assert (answer.status, answer.headers["Cache-Control"]) == (200, kept)
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/m/../config.py", "/m/nothing", "/m/%2e%2e/index.html", "/m/assets/"])
def test_nothing_else_is_served(client: Caller, path: str):
    assert client.get(path).status == 404


def test_without_a_build_the_page_says_how_to_make_one(client: Caller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(handheld, "FOLDER", tmp_path)
    answer = client.get("/m/")
    assert answer.status == 503
    assert "make handheld" in answer.response.text
    assert "Node.js" in answer.response.text


def test_the_list_of_dependencies_explains_each_package_of_the_app_and_nothing_else():
    root = Path(__file__).parents[2]
    named = json.loads((root / "static/package.json").read_text(encoding="utf-8"))
    text = (root / "docs/dependencies.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([@\w./-]+)` \|", text, re.MULTILINE)) == {
        *named["dependencies"],
        *named["devDependencies"],
    }
    releases = [*named["dependencies"].values(), *named["devDependencies"].values()]
    assert all(re.fullmatch(r"[\d.]+", release) for release in releases), "exact releases only"
