"""Every setting of Gridwatch: name, type, default and one sentence. Read from the environment, nothing else.

`Settings.from_environment()` is called once, by `create_app`. docs/operations.md lists the same table; a test compares.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

PREFIX = "GRIDWATCH_"
SAMPLE_SECRET = "gridwatch-sample-secret-not-for-production"  # noqa: S105 - its use in production is refused below
SQLITE_FILE = "sqlite:///"
ENVIRONMENTS = ("development", "test", "production")


class Unready(RuntimeError):
    """Gridwatch cannot run as things stand. The text says what is the matter and what to do, in both languages."""


class SettingRefused(Unready, ValueError):
    """A setting has a value that Gridwatch will not start with. The text names the variable and what to do."""


def _setting(default: Any, says: str) -> Any:
    return field(default=default, metadata={"says": says})


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process. Each field is the variable GRIDWATCH_<NAME> in the environment."""

    env: str = _setting(
        "development", "development, test or production; production refuses sample secrets and a set clock."
    )
    database_url: str = _setting(
        "sqlite:///gridwatch.sqlite", "SQLAlchemy URL: sqlite:///FILE (SpatiaLite) or postgresql+psycopg://… (PostGIS)."
    )
    secret_key: str = _setting(
        SAMPLE_SECRET, "Key for tokens and cookies, at least 32 characters; keep it in a 0600 file."
    )
    clock_file: str = _setting(
        "", "File that holds the current time (RFC 3339 with offset), for tests; refused in production."
    )
    host: str = _setting("127.0.0.1", "Address that `gridwatch serve` binds.")
    port: int = _setting(8600, "Port that `gridwatch serve` binds.")
    workers: int = _setting(2, "Web processes of `gridwatch serve` on PostGIS; SpatiaLite always has one.")
    threads: int = _setting(8, "Threads of each web process.")
    tick_seconds: int = _setting(
        60, "How often the scheduler ticks, in seconds; a notice is at most this late (ruling R13 allows 300)."
    )
    access_minutes: int = _setting(15, "Life of an access token, in minutes.")
    refresh_days: int = _setting(30, "Life of a refresh token and of offline work after the last contact, in days.")
    tombstone_days: int = _setting(180, "How long the feed remembers that a document left a scope, in days.")
    files_dir: str = _setting(
        "gridwatch-files", "Folder of the evidence files; back it up together with the database, it may be large."
    )
    files_s3_bucket: str = _setting(
        "", "Bucket of an S3-compatible store (with conditional writes) for the evidence files, instead of the folder."
    )
    files_s3_endpoint: str = _setting(
        "", "URL of that store; one that begins with the bucket's name is used as it is. Empty: Amazon S3."
    )
    files_s3_region: str = _setting("", "Region of that store, where it has any.")
    files_s3_key_id: str = _setting("", "Access key id for that store; empty: from the environment, as its tools do.")
    files_s3_secret: str = _setting("", "Secret access key for that store; keep it in a 0600 file.")
    files_per_item: int = _setting(9, "How many files a visit or a lead may bring.")
    spatialite_library: str = _setting("", "Path of mod_spatialite, where the loader does not find it by name.")
    log_level: str = _setting("INFO", "DEBUG, INFO, WARNING or ERROR.")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read GRIDWATCH_* variables. Raises SettingRefused for a bad value or an unsafe production setting."""
        environ = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        for one in fields(cls):
            name = PREFIX + one.name.upper()
            raw = environ.get(name)
            if raw is None or raw == "":
                continue
            if isinstance(one.default, int):
                try:
                    values[one.name] = int(raw)
                except ValueError:
                    raise SettingRefused(
                        f"{name}={raw!r} 不是整数 / is not a whole number. {one.metadata['says']}"
                    ) from None
            else:
                values[one.name] = raw
        settings = cls(**values)
        settings._refuse_unsafe()
        return replace(
            settings,
            database_url=_absolute(settings.database_url),
            files_dir=str(Path(settings.files_dir).absolute()),
        )

    def _refuse_unsafe(self) -> None:
        if self.env not in ENVIRONMENTS:
            raise SettingRefused(f"{PREFIX}ENV={self.env!r}: 只能是 / must be one of {', '.join(ENVIRONMENTS)}.")
        if self.port < 0 or self.port > 65535:
            raise SettingRefused(f"{PREFIX}PORT={self.port}: 端口应在 0–65535 / a port lies between 0 and 65535.")
        for name in (
            "workers",
            "threads",
            "tick_seconds",
            "access_minutes",
            "refresh_days",
            "tombstone_days",
            "files_per_item",
        ):
            if getattr(self, name) < 1:
                raise SettingRefused(f"{PREFIX}{name.upper()}={getattr(self, name)}: 至少为 1 / must be at least 1.")
        if self.env != "production":
            return
        if self.secret_key == SAMPLE_SECRET or len(self.secret_key) < 32:
            raise SettingRefused(
                f"{PREFIX}SECRET_KEY 仍是示例或过短，生产环境拒绝启动；请设置 32 个字符以上的随机值 / is the sample or too short; "
                "set a random value of at least 32 characters, e.g. `python3 -c 'import secrets; print(secrets.token_hex(32))'`."
            )
        if self.clock_file:
            raise SettingRefused(
                f"{PREFIX}CLOCK_FILE 在生产环境中不允许 / is refused in production: the clock must be real."
            )

    @property
    def is_sqlite(self) -> bool:
        """True on the embedded default."""
        return self.database_url.startswith("sqlite")

    @property
    def sqlite_path(self) -> Path | None:
        """The database file of the embedded default, else None."""
        return Path(self.database_url.removeprefix(SQLITE_FILE)) if self.is_sqlite else None


def _absolute(database_url: str) -> str:
    """The URL of a SQLite file from the working directory on: every library must mean the same file by it."""
    scheme, file = database_url[: len(SQLITE_FILE)], database_url[len(SQLITE_FILE) :]
    return f"{scheme}{Path(file).absolute()}" if scheme == SQLITE_FILE and file else database_url


def settings_table() -> list[tuple[str, str, str, str]]:
    """Rows of (variable, type, default, sentence), for the documents and `gridwatch doctor`."""
    return [
        (PREFIX + one.name.upper(), type(one.default).__name__, str(one.default), one.metadata["says"])
        for one in fields(Settings)
    ]
