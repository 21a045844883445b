"""What is installed, what is shipped and what is written about it say the same."""

from __future__ import annotations

import ast
import configparser
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from setuptools import find_packages

ROOT = Path(__file__).parents[1]
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")

# Needed although no line of ours imports it.
USED_BY_NAME = {
    "granian": "gridwatch serve runs it as a program",
    "psycopg": "SQLAlchemy loads it for postgresql+psycopg://",
    "tzdata": "zoneinfo reads it where the system has no time zones",
}
STANDARD = sys.stdlib_module_names | {"compression"}  # the latter from Python 3.14 on


def names(requirements: str) -> set[str]:
    """The normalised names of a list of requirements, one a line."""
    lines = (line for line in requirements.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    return {normal(re.split(r"[\s\[;~=<>]", line.strip(), maxsplit=1)[0]) for line in lines}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock: str) -> dict[str, set[str]]:
    """The releases that a lock names for each package; more than one where Python versions differ."""
    found: dict[str, set[str]] = {}
    for name, release in re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE):
        found.setdefault(name, set()).add(release)
    return found


def imports_of(package: Path) -> set[str]:
    """The top-level names that a package imports, wherever in the file the import stands."""
    found = set()
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                found.add(node.module.split(".")[0])
    return found


RUNTIME = names(SETUP["options"]["install_requires"])
DEV = names(SETUP["options.extras_require"]["dev"])
BUILD = names(SETUP["options.extras_require"]["build"])


def test_every_package_that_the_code_imports_is_declared_and_every_declared_one_is_used():
    distributions = packages_distributions()
    providers = {
        name: {normal(distribution) for distribution in distributions.get(name, [])}
        for name in imports_of(ROOT / "gridwatch") - STANDARD - {"gridwatch"}
    }
    assert {name for name, some in providers.items() if not some & RUNTIME} == set(), "imported, not in setup.cfg"
    assert RUNTIME - USED_BY_NAME.keys() - set().union(*providers.values()) == set(), "in setup.cfg, never used"


def test_the_list_of_dependencies_explains_each_of_them_and_nothing_else():
    text = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    explained = {normal(name) for name in re.findall(r"^\| ([\w.-]+) \|", text, re.MULTILINE) if name != "package"}
    assert explained == RUNTIME | DEV | BUILD


@pytest.mark.parametrize(
    ("lock", "wanted"), [("requirements.lock", RUNTIME | BUILD), ("requirements-dev.lock", RUNTIME | BUILD | DEV)]
)
def test_a_lock_pins_every_dependency_with_hashes_and_names_no_address(lock: str, wanted: set[str]):
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert wanted <= pins(lock).keys()
    assert all("--hash=sha256:" in block for block in re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:])
    assert "://" not in text


def test_the_tests_run_on_the_releases_that_the_users_get():
    development = pins("requirements-dev.lock")
    assert {name: development.get(name) for name in pins("requirements.lock")} == pins("requirements.lock")


def test_the_wheel_carries_every_feature_and_the_migrations_but_no_test_data():
    include = SETUP["options.packages.find"]["include"].split()
    shipped = find_packages(str(ROOT), include=include)
    folders = {path.parent for path in (ROOT / "gridwatch").rglob("__init__.py")}
    assert set(shipped) == {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    assert not [name for name in shipped if name.startswith(("tests", "bench"))]

    patterns = SETUP["options.package_data"]["gridwatch"].split() + SETUP["options.package_data"]["*"].split()
    assert not [pattern for pattern in patterns if ".." in pattern or pattern.startswith("/")]
    carried = {path for pattern in patterns for path in (ROOT / "gridwatch").glob(pattern)}
    assert {ROOT / "gridwatch/migrations/env.py", *(ROOT / "gridwatch/migrations/versions").glob("*.py")} <= carried
