"""WeCom, SMS and e-mail against providers on this machine that behave well, slowly, badly or not at all."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from gridwatch.app import create_app
from gridwatch.config import SettingRefused, Settings
from gridwatch.db.base import db
from gridwatch.domain.obligations import ObligationKind
from gridwatch.domain.worktime import CHINA
from gridwatch.jobs import work as jobs
from gridwatch.notices import outbox
from gridwatch.notices.channels import CHANNELS, switched_on
from gridwatch.notices.models import Contact
from tests.notices.conftest import Desk
from tests.notices.providers import Asked, HttpProvider, MailProvider, Reply, certificate, running

SECRET = "signing-key"
PHONE, MEMBER, MAIL = "13800135678", "zhang.san", "zhang@city.example"


@dataclass
class Providers:
    """The three of them; `sms_says` and `wecom_says` are what the first two answer from now on."""

    wecom: HttpProvider
    sms: HttpProvider
    mail: MailProvider
    sms_says: list[Reply]
    wecom_says: list[Reply]
    tokens: int = 0

    @property
    def sms_keys(self) -> list[str]:
        """The key of every SMS that was asked for, in order."""
        return [one.headers["idempotency-key"] for one in self.sms.asked]


@pytest.fixture
def providers() -> Iterator[Providers]:
    def next_of(said: list[Reply]) -> Reply:
        return said.pop(0) if len(said) > 1 else said[0]

    def wecom(asked: Asked) -> Reply:
        if asked.path == "/cgi-bin/gettoken":
            assert asked.query == {"corpid": ["corp"], "corpsecret": ["wecom-secret"]}
            all_three.tokens += 1
            return 200, {"errcode": 0, "access_token": f"token-{all_three.tokens}", "expires_in": 7200}
        return next_of(all_three.wecom_says)

    all_three = Providers(
        HttpProvider(wecom), HttpProvider(lambda asked: next_of(all_three.sms_says)), MailProvider(),
        [(200, {"id": "sms-1"})], [(200, {"errcode": 0, "errmsg": "ok", "msgid": "wecom-1"})],
    )  # fmt: skip
    with running(all_three.wecom), running(all_three.sms), running(all_three.mail):
        yield all_three


@pytest.fixture
def settings(settings: Settings, providers: Providers) -> Settings:
    """All three channels switched on, in a network that is allowed, with little patience."""
    return replace(
        settings, outbound_hosts="127.0.0.1", outbound_networks="127.0.0.0/8", outbound_connect_s=1, outbound_read_s=1,
        wecom_url=f"http://127.0.0.1:{providers.wecom.port}", wecom_corp_id="corp", wecom_agent_id=1000002,
        wecom_secret="wecom-secret",
        sms_url=f"http://127.0.0.1:{providers.sms.port}/send", sms_secret=SECRET, sms_template_digest="SMS_DIGEST",
        sms_template_urgent="SMS_URGENT", sms_template_notice="SMS_NOTICE",
        smtp_host="127.0.0.1", smtp_port=providers.mail.port, smtp_tls="none", smtp_from="grid@city.example",
    )  # fmt: skip


def reachable(desk: Desk, username: str = "department_receiver", wants: str = "digest", **addresses: str) -> None:
    """A person gives addresses: `sms=…`, `wecom=…`, `email=…`."""
    with desk.work() as session:
        for channel, address in addresses.items():
            session.add(
                Contact(user_id=desk.world.people[username], channel=channel, address=address, wants=wants,
                        changed_at=desk.clock.now())
            )  # fmt: skip


def states(desk: Desk) -> list[tuple[str, str, int, str | None]]:
    """(channel, state, attempts, error) of every row of the outbox."""
    return [(one.channel, one.state, one.attempts, one.error) for one in desk.deliveries()]


# -- what leaves --------------------------------------------------------------------------------------------------------


def test_the_morning_leaves_once_over_every_channel_that_a_person_named(desk: Desk, providers: Providers):
    reachable(desk, sms=PHONE, wecom=MEMBER, email=MAIL)
    desk.push()
    desk.tick_at("2026-09-22 08:30", "2026-09-22 08:31", "2026-09-22 12:00")

    (digest,) = desk.digests("department_receiver")
    rows = {one.channel: one for one in desk.deliveries()}
    assert {(name, one.state, one.attempts, one.masked) for name, one in rows.items()} == {
        ("wecom", "sent", 1, "z***"), ("sms", "sent", 1, "138****5678"), ("email", "sent", 1, "z***@city.example"),
    }  # fmt: skip
    assert (rows["sms"].provider_id, rows["wecom"].provider_id) == ("sms-1", "wecom-1")

    (sms,) = providers.sms.asked
    assert (sms.method, sms.path, sms.headers["idempotency-key"]) == ("POST", "/send", rows["sms"].id)
    assert sms.json == {
        "id": rows["sms"].id, "phone": PHONE, "template": "SMS_DIGEST",
        "params": {"text": "9月22日（星期二）：2个工作日内到期1件"},
    }  # fmt: skip
    signed = f"{sms.headers['x-timestamp']}.".encode() + sms.body
    assert sms.headers["x-signature"] == hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()

    _, message = providers.wecom.asked
    assert (message.path, message.query) == ("/cgi-bin/message/send", {"access_token": ["token-1"]})
    assert (message.json["touser"], message.json["agentid"], message.json["msgtype"]) == (MEMBER, 1000002, "text")
    assert message.json["text"]["content"] == f"{digest.text_zh}\n{digest.text_en}"
    assert message.json["enable_duplicate_check"] == 1

    (mail,) = providers.mail.mails
    assert (mail["To"], mail["From"], mail["Message-ID"]) == (
        MAIL, "grid@city.example", f"<{rows['email'].id}@city.example>",
    )  # fmt: skip
    assert mail.get_content().splitlines() == [digest.text_zh, "", digest.text_en]


def test_who_wants_every_notice_gets_each_and_who_wants_the_digest_gets_one(desk: Desk, providers: Providers):
    reachable(desk, "department_receiver", "every", sms=PHONE)
    reachable(desk, "department_deputy", "digest", sms="13900139999")
    desk.push()
    desk.tick_at("2026-09-22 08:30")
    got = Counter((one.json["phone"], one.json["template"]) for one in providers.sms.asked)
    assert got == {(PHONE, "SMS_DIGEST"): 1, (PHONE, "SMS_NOTICE"): 1, ("13900139999", "SMS_DIGEST"): 1}


def test_a_major_hazard_does_not_wait_for_the_morning(desk: Desk, providers: Providers):
    reachable(desk, "street_dispatcher", sms=PHONE)
    desk.clock.set("2026-09-19 20:00")  # a Saturday evening
    duty = desk.owes(ObligationKind.TRIAGE_S, due_at=desk.clock.now() + timedelta(hours=2))
    desk.tick_at("2026-09-19 22:00")
    (asked,) = providers.sms.asked
    assert (asked.json["template"], desk.notices(duty)[0].stage) == ("SMS_URGENT", "H0")


def test_nothing_is_queued_where_nobody_gave_an_address_or_a_channel_is_off(desk: Desk, app: Flask):
    desk.push()
    reachable(desk, sms=PHONE)
    app.config["GRIDWATCH"] = replace(app.config["GRIDWATCH"], sms_url="", wecom_url="", smtp_host="")
    desk.tick_at("2026-09-22 08:30")
    assert len(desk.digests()) == 2
    assert states(desk) == []


# -- providers that do not behave ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "state", "error"),
    [
        ((503, {}), "failed", "http_503"), ((429, {}), "failed", "http_429"), ((401, {}), "failed", "http_401"),
        ((400, {"why": "number"}), "given_up", "http_400"), ("redirects", "failed", "redirected"),
        ("garbage", "failed", "bad_answer"), ("endless", "failed", "bad_answer"),
        ("hangs", "failed", "timeout"), ("drips", "failed", "timeout"), ("breaks_off", "failed", "unreachable"),
    ],
)  # fmt: skip
def test_a_provider_that_misbehaves_is_noted_and_the_app_waits_for_nobody(
    desk: Desk, providers: Providers, reply: Reply, state: str, error: str
):
    reachable(desk, sms=PHONE)
    desk.push()
    providers.sms_says[:] = [reply]
    began = time.monotonic()
    desk.tick_at("2026-09-22 08:30")
    assert time.monotonic() - began < 5

    assert states(desk) == [("sms", state, 1, error)]
    assert len(providers.sms.asked) == 1, "a redirect is not followed"
    assert all(one.sent_at == desk.clock.now() for one in (*desk.notices(), *desk.digests()))


def test_a_failed_message_is_tried_again_later_and_later_with_the_same_key(desk: Desk, providers: Providers):
    reachable(desk, sms=PHONE)
    desk.push()
    providers.sms_says[:] = [(503, {}), (503, {}), (200, {"id": "at last"})]
    attempts = []
    for minute in range(10):
        desk.tick_at(f"2026-09-22 08:{30 + minute}")
        attempts.append(len(providers.sms.asked))
    assert attempts == [1, 2, 2, 2, 2, 2, 3, 3, 3, 3]
    assert len(set(providers.sms_keys)) == 1
    assert states(desk) == [("sms", "sent", 3, None)]


def test_it_is_given_up_after_six_attempts(desk: Desk, providers: Providers):
    reachable(desk, sms=PHONE)
    desk.push()
    providers.sms_says[:] = [(503, {})]
    for hour in range(8, 17):
        desk.tick_at(*(f"2026-09-22 {hour:02}:{minute}" for minute in (30, 36, 52)))
    assert states(desk) == [("sms", "given_up", 6, "http_503")]


def test_what_did_not_get_through_by_the_evening_is_given_up_and_the_next_morning_speaks_again(
    desk: Desk, providers: Providers
):
    reachable(desk, sms=PHONE)
    desk.push()
    providers.sms_says[:] = ["hangs"]
    desk.tick_at("2026-09-22 17:28", "2026-09-22 17:31", "2026-09-22 23:00")
    assert states(desk) == [("sms", "given_up", 1, "too_late")]
    providers.sms_says[:] = [(200, {"id": "fine"})]
    desk.tick_at("2026-09-23 08:30", "2026-09-23 08:31")
    assert [(one[1], one[2]) for one in states(desk)] == [("given_up", 1), ("sent", 1)]


def test_a_dead_provider_costs_one_attempt_a_tick_and_stops_no_other(desk: Desk, providers: Providers, app: Flask):
    for name, phone in (("department_receiver", PHONE), ("department_deputy", "13900139999")):
        reachable(desk, name, "every", sms=phone, email=f"{name}@city.example")
    for _ in range(3):
        desk.push()
    nobody = replace(app.config["GRIDWATCH"], sms_url="http://127.0.0.1:1/send")
    app.config["GRIDWATCH"] = nobody
    desk.tick_at("2026-09-22 08:30")
    by_channel = Counter((one.channel, one.state) for one in desk.deliveries())
    assert by_channel == {("sms", "queued"): 7, ("sms", "failed"): 1, ("email", "sent"): 8}


def test_a_person_who_took_the_address_back_is_not_written_to(desk: Desk, providers: Providers):
    reachable(desk, sms=PHONE)
    desk.push()
    providers.sms_says[:] = [(503, {})]
    desk.tick_at("2026-09-22 08:30")
    with desk.work() as session:
        session.delete(session.get_one(Contact, (desk.world.people["department_receiver"], "sms")))
    desk.tick_at("2026-09-22 08:40")
    assert (len(providers.sms.asked), states(desk)) == (1, [("sms", "given_up", 1, "no_contact")])


def test_wecom_asks_for_a_new_token_when_the_old_one_is_over(desk: Desk, providers: Providers):
    reachable(desk, wecom=MEMBER)
    desk.push()
    providers.wecom_says[:] = [(200, {"errcode": 42001}), (200, {"errcode": 0, "msgid": "second"})]
    desk.tick_at("2026-09-22 08:30")
    assert [one.query.get("access_token") for one in providers.wecom.asked] == [None, ["token-1"], None, ["token-2"]]
    assert [(one.state, one.provider_id) for one in desk.deliveries()] == [("sent", "second")]


@pytest.mark.parametrize(
    ("said", "state", "error"),
    [
        ({"errcode": 81013, "errmsg": "invalid"}, "given_up", "address_unknown"),
        ({"errcode": 0, "invaliduser": MEMBER}, "given_up", "address_unknown"),
        ({"errcode": 45009}, "failed", "wecom_45009"),
        ({"errcode": -1}, "failed", "wecom_-1"),
    ],
)
def test_what_wecom_says_decides(desk: Desk, providers: Providers, said: dict, state: str, error: str):
    reachable(desk, wecom=MEMBER)
    desk.push()
    providers.wecom_says[:] = [(200, said)]
    desk.tick_at("2026-09-22 08:30")
    assert states(desk) == [("wecom", state, 1, error)]


# -- once ---------------------------------------------------------------------------------------------------------------


def test_three_tickers_send_each_message_once(desk: Desk, providers: Providers):
    for name, phone in (("department_receiver", PHONE), ("department_deputy", "13900139999")):
        reachable(desk, name, "every", sms=phone)
    for _ in range(15):
        desk.push()
    desk.clock.set("2026-09-22 08:30")
    with ThreadPoolExecutor(3) as all_three:
        list(all_three.map(lambda _: desk.tick(), range(3)))
    assert Counter(providers.sms_keys) == Counter(one.id for one in desk.deliveries())
    assert len(providers.sms_keys) == 2 * 16
    assert {(one[1], one[2]) for one in states(desk)} == {("sent", 1)}


def test_a_worker_that_dies_between_sending_and_noting_is_followed_by_one_with_the_same_key(
    desk: Desk, providers: Providers
):
    reachable(desk, sms=PHONE)
    desk.push()
    desk.clock.set("2026-09-22 08:30")
    with desk.app.app_context():
        jobs.write_digests(desk.clock.now())
    with desk.work() as session:
        dead = outbox.claim(session, "sms", desk.clock.now())
    CHANNELS["sms"].open(desk.app.config["GRIDWATCH"])(dead.letter)  # and here it dies

    desk.tick_at("2026-09-22 08:31", "2026-09-22 08:39")
    assert len(providers.sms.asked) == 1, "it is still somebody's"
    desk.tick_at("2026-09-22 08:40")
    assert providers.sms_keys == [dead.delivery_id] * 2
    assert states(desk) == [("sms", "sent", 2, None)]

    with desk.work() as session:  # it was not dead after all, only slow
        assert outbox.note(session, dead, "sms-1", desk.clock.now()) == "sent"
    assert states(desk) == [("sms", "sent", 2, None)]


def test_a_clock_that_steps_back_and_forth_sends_nothing_twice(desk: Desk, providers: Providers):
    reachable(desk, sms=PHONE)
    desk.push()
    desk.tick_at(
        "2026-09-22 08:30", "2026-09-18 09:00", "2026-09-22 08:45", "2026-09-24 09:00", "2026-09-22 09:00",
        "2026-09-24 09:05",
    )  # fmt: skip
    days = [one.sent_at.astimezone(CHINA).date().day for one in desk.digests("department_receiver")]
    assert sorted(days) == sorted(set(days))
    assert len(providers.sms.asked) == len(days)


# -- where it may go ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"outbound_hosts": "sms.city.example"}, "host_refused"),
        ({"outbound_hosts": "127.0.0.1:9"}, "host_refused"),
        ({"outbound_networks": "10.0.0.0/8"}, "address_refused"),
        ({"sms_url": "file:///etc/passwd"}, "host_refused"),
        ({"sms_url": "http://127.0.0.1@elsewhere.example/"}, "host_refused"),
    ],
)
def test_it_goes_only_where_it_may(desk: Desk, providers: Providers, app: Flask, change: dict[str, str], error: str):
    reachable(desk, sms=PHONE)
    desk.push()
    app.config["GRIDWATCH"] = replace(app.config["GRIDWATCH"], **change)
    desk.tick_at("2026-09-22 08:30")
    assert (providers.sms.asked, states(desk)) == ([], [("sms", "failed", 1, error)])


@pytest.mark.parametrize(
    "environment",
    [
        {"SMS_URL": "https://sms.city.example/send"},
        {"WECOM_URL": "https://qyapi.weixin.qq.com", "OUTBOUND_HOSTS": "weixin.qq.com"},
        {"SMTP_HOST": "mail.city.example", "OUTBOUND_HOSTS": "mail.city.example:25"},
        {"SMTP_TLS": "perhaps"},
        {"OUTBOUND_NETWORKS": "10.0.0.0/99"},
        {"OUTBOUND_READ_S": "0"},
        {"OUTBOUND_READ_S": "59"},
    ],
)
def test_strange_settings_are_refused_at_the_start(environment: dict[str, str]):
    with pytest.raises(SettingRefused, match=next(iter(environment))):
        Settings.from_environment({f"GRIDWATCH_{name}": value for name, value in environment.items()})


def test_production_speaks_tls_only():
    usual = {"ENV": "production", "SECRET_KEY": "k" * 40, "OUTBOUND_HOSTS": "a.example"}
    for name, bad, good in (("SMS_URL", "http://a.example/", "https://a.example/"), ("SMTP_TLS", "none", "starttls")):
        environment = {**usual, "SMTP_HOST": "a.example"}
        for value, refused in ((bad, True), (good, False)):
            values = {f"GRIDWATCH_{key}": one for key, one in {**environment, name: value}.items()}
            if refused:
                with pytest.raises(SettingRefused):
                    Settings.from_environment(values)
            else:
                assert Settings.from_environment(values).env == "production"


# -- e-mail and TLS -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refuses", "state", "error"),
    [
        ({"RCPT": "550 no such mailbox"}, "given_up", "smtp_550"),
        ({"RCPT": "450 later"}, "failed", "smtp_450"),
        ({"MAIL": "421 busy"}, "failed", "smtp_421"),
        ({"DATA": "554 no"}, "given_up", "smtp_554"),
        ({"QUIT": "500 what"}, "sent", None),
    ],
)
def test_what_the_mail_server_says_decides(
    desk: Desk, providers: Providers, refuses: dict[str, str], state: str, error: str | None
):
    reachable(desk, email=MAIL)
    desk.push()
    providers.mail.refuses.update(refuses)
    desk.tick_at("2026-09-22 08:30")
    assert states(desk) == [("email", state, 1, error)]


def test_a_mail_server_that_hangs_is_left(desk: Desk, providers: Providers):
    reachable(desk, email=MAIL)
    desk.push()
    providers.mail.hangs_at = "RCPT"
    began = time.monotonic()
    desk.tick_at("2026-09-22 08:30")
    assert time.monotonic() - began < 5
    assert states(desk) == [("email", "failed", 1, "timeout")]


@pytest.mark.parametrize("known", [True, False])
def test_over_tls_the_certificate_decides(desk: Desk, app: Flask, tmp_path: Path, known: bool):
    """Both ways of mail and HTTPS, to a server whose certificate our list of them signs, or does not."""
    public, context = certificate(tmp_path)
    sms = HttpProvider(lambda asked: (200, {"id": "secret"}))
    direct, upgraded = MailProvider(), MailProvider(starttls=context)
    reachable(desk, sms=PHONE, email=MAIL)
    desk.push()
    with running(sms, context), running(direct, context), running(upgraded):
        usual = replace(
            app.config["GRIDWATCH"], sms_url=f"https://localhost:{sms.port}/", outbound_hosts="localhost", smtp_host="localhost",
            smtp_port=direct.port, smtp_tls="tls", outbound_ca_file=str(public) if known else "",
        )  # fmt: skip
        app.config["GRIDWATCH"] = usual
        desk.tick_at("2026-09-22 08:30")
        app.config["GRIDWATCH"] = replace(usual, smtp_port=upgraded.port, smtp_tls="starttls")
        desk.tick_at("2026-09-23 08:30")
    first, second = (
        (None, None) if known else ("too_late", "tls")
    )  # what failed on the first day was given up at its end
    assert [one[3] for one in states(desk)] == [first] * 2 + [second] * 2
    assert [len(sms.asked), direct.secret, upgraded.secret] == ([2, [True], [True]] if known else [0, [], []])


def test_the_application_starts_with_all_channels_on(settings: Settings):
    app = create_app(settings)
    with app.app_context():
        assert switched_on(app.config["GRIDWATCH"]) == set(CHANNELS)
        db.engine.dispose()
