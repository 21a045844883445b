"""Every setting of Gridwatch: name, type, default and one sentence. Read from the environment, nothing else.

`Settings.from_environment()` is called once, by `create_app`. docs/operations.md lists the same table; a test compares.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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
    public_url: str = _setting(
        "", "Address under which citizens reach this server, such as https://grid.example.gov.cn; QR tags say it."
    )
    host: str = _setting("127.0.0.1", "Address that `gridwatch serve` binds.")
    port: int = _setting(8600, "Port that `gridwatch serve` binds.")
    workers: int = _setting(2, "Web processes of `gridwatch serve` on PostGIS; SpatiaLite always has one.")
    threads: int = _setting(
        4, "Threads of each web process; more only wait for each other, unless slow uploads reach it unbuffered."
    )
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
    export_key_file: str = _setting(
        "", "Private key that opens exports of phones, made at first use; empty: <files_dir>.export-key.pem."
    )
    intake_dir: str = _setting(
        "", "Folder into which the register drops files of its events (docs/intake.md); empty: none is looked at."
    )
    files_per_item: int = _setting(9, "How many files a visit or a lead may bring.")
    outbound_hosts: str = _setting(
        "", "Hosts that this server may connect to for messages, as `host` or `host:port`, separated by commas."
    )
    outbound_networks: str = _setting(
        "", "Networks of non-public addresses that those hosts may have, such as 10.20.0.0/16, separated by commas."
    )
    outbound_connect_s: int = _setting(3, "How long a connection to a provider of messages may take, in seconds.")
    outbound_read_s: int = _setting(10, "How long such a provider may take for its whole answer, in seconds.")
    outbound_ca_file: str = _setting(
        "", "Certificates (PEM) that sign those of the providers, in place of the system's."
    )
    wecom_url: str = _setting(
        "", "WeCom: address of its API, such as https://qyapi.weixin.qq.com; empty: no messages there."
    )
    wecom_corp_id: str = _setting("", "WeCom: id of the enterprise.")
    wecom_agent_id: int = _setting(0, "WeCom: number of the application that sends.")
    wecom_secret: str = _setting("", "WeCom: secret of that application; keep it in a 0600 file.")
    sms_url: str = _setting("", "Address of the SMS gateway, which takes signed JSON; empty: no SMS.")
    sms_secret: str = _setting("", "Key that signs what goes to the SMS gateway; keep it in a 0600 file.")
    sms_template_digest: str = _setting("", "Id of the gateway's template for the digest of a morning.")
    sms_template_urgent: str = _setting("", "Id of its template for a major hazard.")
    sms_template_notice: str = _setting("", "Id of its template for any other notice.")
    smtp_host: str = _setting("", "Mail server; empty: no e-mail.")
    smtp_port: int = _setting(465, "Port of the mail server.")
    smtp_tls: str = _setting("tls", "tls, starttls or none; production refuses none.")
    smtp_user: str = _setting("", "Name for the mail server; empty: no sign-in.")
    smtp_password: str = _setting("", "Password for the mail server; keep it in a 0600 file.")
    smtp_from: str = _setting("", "Address that e-mail comes from.")
    fonts: str = _setting(
        "", "Folders or files with Chinese fonts for printed papers, separated by colons; empty: those of the system."
    )
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
            "outbound_connect_s",
            "outbound_read_s",
        ):
            if getattr(self, name) < 1:
                raise SettingRefused(f"{PREFIX}{name.upper()}={getattr(self, name)}: 至少为 1 / must be at least 1.")
        self._refuse_strange_providers()
        self._refuse_strange_address()
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

    def _refuse_strange_providers(self) -> None:
        """Messages leave only to hosts that were allowed by name, and in production only over TLS (promises, S17 and S19)."""
        for name, scheme in (("WECOM_URL", "https"), ("SMS_URL", "https"), ("SMTP_HOST", self.smtp_tls)):
            value = getattr(self, name.lower())
            parts = urlsplit(value if "//" in value else f"{scheme}://{value}:{self.smtp_port}")
            if not value:
                continue
            if not parts.hostname or not ({parts.hostname, parts.netloc.rpartition("@")[2]} & self.allowed_hosts):
                raise SettingRefused(
                    f"{PREFIX}{name}={value!r}: 主机不在 {PREFIX}OUTBOUND_HOSTS 中 / the host is not among {PREFIX}OUTBOUND_HOSTS."
                )
            if self.env == "production" and parts.scheme in ("http", "none"):
                raise SettingRefused(f"{PREFIX}{name}={value!r}: 生产环境必须加密 / production speaks TLS only.")
        if self.smtp_tls not in ("tls", "starttls", "none"):
            raise SettingRefused(f"{PREFIX}SMTP_TLS={self.smtp_tls!r}: 只能是 / must be one of tls, starttls, none.")
        if self.outbound_connect_s + self.outbound_read_s > 60:
            raise SettingRefused(
                f"{PREFIX}OUTBOUND_READ_S: 连接与应答合计不得超过60秒 / connecting and answering may take 60 seconds in all."
            )
        try:
            self.allowed_networks  # noqa: B018 - it raises
        except ValueError as problem:
            raise SettingRefused(f"{PREFIX}OUTBOUND_NETWORKS: {problem}") from None

    def _refuse_strange_address(self) -> None:
        """What stands on ten thousand stickers is held against mistakes before the first one is printed."""
        parts = urlsplit(self.public_url)
        is_plain = parts.scheme in ("http", "https") and parts.hostname and not parts.username
        if self.public_url and not (is_plain and parts.path in ("", "/") and not parts.query and not parts.fragment):
            raise SettingRefused(
                f"{PREFIX}PUBLIC_URL={self.public_url!r}: 应形如 / must look like https://grid.example.gov.cn"
            )

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """What `outbound_hosts` names, in small letters: `host` or `host:port`."""
        return frozenset(one.strip().lower() for one in self.outbound_hosts.split(",") if one.strip())

    @property
    def allowed_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """What `outbound_networks` names. ValueError for what is no network."""
        return tuple(ip_network(one.strip()) for one in self.outbound_networks.split(",") if one.strip())

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
