"""Channels beside the app, as adapters: WeCom (企业微信) application messages, SMS by template, e-mail.

A channel over HTTP is one row: a function from message and settings to a request, and one that reads the answer. Each hands
the provider a key that is the same at every attempt, since a crash between sending and noting makes a message leave twice:
the SMS gateway gets `Idempotency-Key`, WeCom its own check for duplicates, e-mail a constant Message-ID.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import smtplib
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

import orjson

from gridwatch.config import Settings
from gridwatch.notices.outbound import Answer, Request, Undelivered, call, cut_after, dial, failures_named, tls_context

WECOM, SMS, EMAIL = "wecom", "sms", "email"
SMS_TEXT_MOST = 60  # characters that a template takes for one of its values
TOKEN_OVER = {40014, 42001}  # WeCom: the access token is not valid, or not any more
WECOM_GONE = {60111, 81013}  # WeCom: there is no such member, or none who sees this application


@dataclass(frozen=True, slots=True)
class Letter:
    """One message as an adapter takes it: to whom, what, and the key that stays the same at every attempt.

    `sort` is digest, urgent or notice.
    """

    key: str
    address: str
    sort: str
    text_zh: str
    text_en: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel: whether the settings switch it on, what an address looks like, and how one letter is sent.

    `open` gives a function that sends letters, for one run: it returns the provider's message id, or raises Undelivered.
    """

    name_zh: str
    name_en: str
    address: re.Pattern[str]
    is_on: Callable[[Settings], bool]
    open: Callable[[Settings], Callable[[Letter], str]]


# -- WeCom ------------------------------------------------------------------------------------------------------------


def wecom_token_request(settings: Settings) -> Request:
    """The request for the token that every other one carries."""
    asked = urlencode({"corpid": settings.wecom_corp_id, "corpsecret": settings.wecom_secret})
    return Request(f"{settings.wecom_url.rstrip('/')}/cgi-bin/gettoken?{asked}")


def wecom_request(letter: Letter, settings: Settings, token: str) -> Request:
    """A text message of the application to one member."""
    body = {
        "touser": letter.address, "msgtype": "text", "agentid": settings.wecom_agent_id,
        "text": {"content": f"{letter.text_zh}\n{letter.text_en}"},
        "enable_duplicate_check": 1, "duplicate_check_interval": 14_400,
    }  # fmt: skip
    url = f"{settings.wecom_url.rstrip('/')}/cgi-bin/message/send?{urlencode({'access_token': token})}"
    return Request(url, orjson.dumps(body), {"Content-Type": "application/json"})


def _open_wecom(settings: Settings) -> Callable[[Letter], str]:
    tokens: list[str] = []

    def fresh_token() -> str:
        said = _json(call(wecom_token_request(settings), settings))
        if said.get("errcode", 0) or not isinstance(said.get("access_token"), str):
            raise Undelivered(f"wecom_token_{said.get('errcode')}", down=True)
        return said["access_token"]

    def send(letter: Letter) -> str:
        if not tokens:
            tokens.append(fresh_token())
        said = _json(call(wecom_request(letter, settings, tokens[0]), settings))
        if said.get("errcode") in TOKEN_OVER:
            tokens[0] = fresh_token()
            said = _json(call(wecom_request(letter, settings, tokens[0]), settings))
        if said.get("errcode") in WECOM_GONE or said.get("invaliduser"):
            raise Undelivered("address_unknown", final=True)
        if said.get("errcode"):
            raise Undelivered(f"wecom_{said['errcode']}", down=True)
        return str(said.get("msgid", ""))

    return send


# -- SMS --------------------------------------------------------------------------------------------------------------


def sms_request(letter: Letter, settings: Settings) -> Request:
    """A message by template, as signed JSON: {id, phone, template, params: {text}}.

    `X-Signature` is the HMAC-SHA256, in hex, over `X-Timestamp` (Unix seconds), a full stop and the body. The text is the
    first sentence of the Chinese one.
    """
    template = {"digest": settings.sms_template_digest, "urgent": settings.sms_template_urgent}.get(
        letter.sort, settings.sms_template_notice
    )
    text = letter.text_zh.partition("。")[0]
    params = {"text": text if len(text) <= SMS_TEXT_MOST else f"{text[: SMS_TEXT_MOST - 1]}…"}
    body = orjson.dumps({"id": letter.key, "phone": letter.address, "template": template, "params": params})
    timestamp = str(int(letter.at.timestamp()))
    signature = hmac.new(settings.sms_secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return Request(
        settings.sms_url,
        body,
        {
            "Content-Type": "application/json", "Idempotency-Key": letter.key,
            "X-Timestamp": timestamp, "X-Signature": signature,
        },
    )  # fmt: skip


def _open_sms(settings: Settings) -> Callable[[Letter], str]:
    def send(letter: Letter) -> str:
        said = _json(call(sms_request(letter, settings), settings))
        return str(said.get("id", ""))

    return send


def _json(answer: Answer) -> Mapping[str, Any]:
    """The JSON object of an answer that says yes. 4xx is final, except what says "later" or "you"; 5xx is not."""
    if answer.status >= 500 or answer.status in (401, 403, 404, 408, 425, 429):
        raise Undelivered(f"http_{answer.status}", down=True)
    if not 200 <= answer.status < 300:
        raise Undelivered(f"http_{answer.status}", final=True)
    try:
        said = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        raise Undelivered("bad_answer") from None
    if not isinstance(said, dict):
        raise Undelivered("bad_answer")
    return said


# -- e-mail -----------------------------------------------------------------------------------------------------------

SUBJECTS = {
    "digest": "今日待办 · Your duties today",
    "urgent": "重大隐患 · Major hazard",
    "notice": "线索提醒 · Notice of a lead",
}


def email_message(letter: Letter, settings: Settings) -> EmailMessage:
    """Plain text in both languages; its Message-ID is the letter's key."""
    message = EmailMessage()
    message["From"] = settings.smtp_from
    message["To"] = letter.address
    message["Subject"] = SUBJECTS[letter.sort]
    message["Date"] = format_datetime(letter.at)
    message["Message-ID"] = f"<{letter.key}@{settings.smtp_from.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(f"{letter.text_zh}\n\n{letter.text_en}\n")
    return message


class _Mailer(smtplib.SMTP):
    """SMTP over our own way out. STARTTLS checks the server's name as the settings give it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        own_name = settings.smtp_from.rpartition("@")[2]
        super().__init__(settings.smtp_host, settings.smtp_port, own_name, timeout=settings.outbound_read_s)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return dial(host, port, self._settings, tls=self._settings.smtp_tls == "tls")


def _open_email(settings: Settings) -> Callable[[Letter], str]:
    def send(letter: Letter) -> str:
        message = email_message(letter, settings)
        with failures_named():
            try:
                _hand_over(message, settings)
            except smtplib.SMTPRecipientsRefused as refused:
                code = next(code for code, _ in refused.recipients.values())
                raise Undelivered(f"smtp_{code}", final=code >= 500) from None
            except smtplib.SMTPDataError as answered:
                raise Undelivered(f"smtp_{answered.smtp_code}", final=answered.smtp_code >= 500) from None
            except smtplib.SMTPResponseException as answered:
                raise Undelivered(f"smtp_{answered.smtp_code}", down=True) from None
        return str(message["Message-ID"])

    return send


def _hand_over(message: EmailMessage, settings: Settings) -> None:
    mailer = _Mailer(settings)
    with cut_after(settings.outbound_read_s, lambda: mailer.sock) as was_cut:
        try:
            if settings.smtp_tls == "starttls":
                mailer.starttls(context=tls_context(settings))
            if settings.smtp_user:
                mailer.login(settings.smtp_user, settings.smtp_password)
            mailer.send_message(message)
        except OSError as problem:  # which every failure of smtplib is
            if was_cut.is_set() or isinstance(problem.__context__, TimeoutError):
                raise TimeoutError from None
            raise
        else:
            with suppress(smtplib.SMTPException, OSError):  # it has the message: how it says goodbye changes nothing
                mailer.quit()
        finally:
            mailer.close()


# -- the table --------------------------------------------------------------------------------------------------------

CHANNELS: dict[str, Channel] = {
    WECOM: Channel(
        "企业微信", "WeCom", re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}"), lambda s: bool(s.wecom_url), _open_wecom
    ),
    SMS: Channel("短信", "SMS", re.compile(r"1[3-9][0-9]{9}"), lambda s: bool(s.sms_url), _open_sms),
    EMAIL: Channel(
        "电子邮件", "e-mail", re.compile(r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}"),
        lambda s: bool(s.smtp_host), _open_email,
    ),
}  # fmt: skip


def switched_on(settings: Settings) -> frozenset[str]:
    """The channels that these settings switch on."""
    return frozenset(name for name, channel in CHANNELS.items() if channel.is_on(settings))


def masked(address: str) -> str:
    """An address as a log shows it: 138****5678, z***@example.org, z*** (promises.md, S9)."""
    name, at, host = address.partition("@")
    if at:
        return f"{name[:1]}***@{host}"
    return f"{name[:3]}****{name[-4:]}" if re.fullmatch(r"1[0-9]{10}", name) else f"{name[:1]}***"
