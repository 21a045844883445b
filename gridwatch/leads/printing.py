"""The package of a lead on paper: one PDF that a person can read, of what the exported JSON says.

The JSON is what was hashed and what the letter to the city names; the PDF is made of it when it is asked for, says its SHA-256
on every page, and adds names to codes and previews to hashes. It looks as official papers do (GB/T 9704: red head, A4,
margins, 仿宋 for text, 黑体 for headings) as far as the fonts of the machine allow.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gridwatch.areas.models import Area
from gridwatch.config import Settings
from gridwatch.domain.lead_words import CATEGORIES, LEVELS, OUTCOMES, STATE_NAMES
from gridwatch.domain.worktime import CHINA, local_day
from gridwatch.entities.models import Entity
from gridwatch.files import images
from gridwatch.files import service as files
from gridwatch.files.queries import Original
from gridwatch.leads import queries
from gridwatch.leads.chronicle import FLAGS, UNIT_STATES, Entry, Teller
from gridwatch.leads.models import Lead, LeadPackage
from gridwatch.web.language import language
from gridwatch.web.pages import full_day_words, pick, t
from gridwatch.web.printing import faces, typeset

TEMPLATE = Path(__file__).parent / "templates" / "package.typ"
ROLES = {"lead": ("主办", "lead"), "assist": ("协办", "assist")}


def pdf(session: Session, lead: Lead, package: LeadPackage, here: Mapping[str, Original], settings: Settings) -> bytes:
    """The package as a PDF in the reader's language. `here`: the originals of its evidence that have come, by hash.

    Raises 503 `print.no_font` where this machine has no Chinese font.
    """
    faces(settings)  # before anything is read in vain
    told = paper(session, lead, package, here)
    shown = [one for one in told["evidence"] if one["picture"]]
    pictures = {one["picture"]: files.preview(here[one["sha256"]], settings=settings) for one in shown}
    return typeset(TEMPLATE, told, settings, files=pictures, at=package.exported_at)[0]


def paper(session: Session, lead: Lead, package: LeadPackage, here: Mapping[str, Original]) -> dict[str, Any]:
    """Everything that the template sets, as plain text: names in place of codes, numbers in place of hashes."""
    content = json.loads(package.content)
    about = content["lead"]
    numbers = {sha256: number for number, sha256 in enumerate(content["evidence"], 1)}
    departments = queries.department_names(session)
    return {
        "language": language(), "sha256": package.sha256, "org": _org(session, lead), "labels": _labels(), "no": about["no"],
        "heading": t(f"关于“{about['title']}”线索办理情况的材料", f"Papers on the lead “{about['title']}”"),
        "day": full_day_words(local_day(package.exported_at)),
        "facts": [[label, text] for label, text in _facts(session, about) if text],
        "description": about["description"],
        "departments": [
            [departments.get(unit["department"], unit["department"]), pick(ROLES[unit["role"]]),
             full_day_words(unit["push_on"]), pick(UNIT_STATES[unit["state"]])]
            for unit in about["departments"]
        ],
        "timeline": [_line(entry, hashed, numbers) for entry, hashed in _entries(session, lead, content["timeline"])],
        "evidence": [_evidence(sha256, number, here.get(sha256)) for sha256, number in numbers.items()],
    }  # fmt: skip


def _org(session: Session, lead: Lead) -> str:
    street = session.scalars(select(Area.name).where(Area.code == lead.street_code)).first() or lead.street_code
    return t(f"{street}线索材料", f"{street}: papers on a lead")


def _facts(session: Session, about: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    yield t("线索编号", "Lead"), about["no"]
    yield t("线索类别", "Category"), pick(CATEGORIES[about["category"]])
    yield t("发生地址", "Address"), about["address"]
    yield t("登记主体", "Registered entity"), _entity(session, about["entity_id"])
    yield t("上报时间", "Reported"), _moment(about["reported_at"])
    state = pick(STATE_NAMES[about["state"]])
    level = f"{t('（', ' (')}{pick(LEVELS[about['level']])}{t('）', ')')}" if about["level"] else ""
    yield t("当前状态", "State"), f"{state}{level}"
    yield t("办理轮次", "Round"), t(f"第{about['round']}轮", str(about["round"])) if about["round"] > 1 else ""
    yield t("标记", "Marks"), t("、", ", ").join(pick(FLAGS.get(flag, (flag, flag))) for flag in about["flags"])
    yield t("办理结果", "Outcome"), pick(OUTCOMES[about["outcome"]]) if about["outcome"] else ""


def _entity(session: Session, entity_id: str | None) -> str:
    entity = session.get(Entity, entity_id) if entity_id else None
    return " ".join(filter(None, (entity.name, entity.uscc))) if entity else ""


def _moment(at: str) -> str:
    """An instant as printed, in China's time and with its year: `2026年9月18日 周五 09:00`."""
    local = datetime.fromisoformat(at).astimezone(CHINA)
    return f"{full_day_words(local.date())} {local:%H:%M}"


def _entries(session: Session, lead: Lead, events: list[dict[str, Any]]) -> Iterable[tuple[Entry, str]]:
    names = queries.people_names(session, {event["actor_id"] for event in events if event["actor_id"]})
    named = [{**event, "actor": names.get(event["actor_id"], "")} for event in events]
    return zip(Teller(session, lead, named).told(), (event["hash"] for event in events), strict=True)


def _line(entry: Entry, hashed: str, numbers: Mapping[str, int]) -> dict[str, Any]:
    return {
        "at": _moment(entry.at), "who": entry.who, "what": entry.what, "moved": entry.moved, "hash": hashed,
        "entered": [
            [label, t("、", ", ").join(_value(value, numbers) for value in values)] for label, values in entry.entered
        ],
    }  # fmt: skip


def _value(value: str, numbers: Mapping[str, int]) -> str:
    return t(f"证据{numbers[value]}", f"evidence {numbers[value]}") if value in numbers else value


def _evidence(sha256: str, number: int, original: Original | None) -> dict[str, Any]:
    is_picture = original is not None and original.media_type != images.OTHER[0]
    return {
        "number": number, "sha256": sha256, "is_here": original is not None,
        "picture": f"{number}.jpg" if is_picture else None,
    }  # fmt: skip


def _labels() -> dict[str, str]:
    return {
        "basics": t("一、线索基本情况", "1. The lead"), "found": t("现场情况", "What was found"),
        "units": t("二、移交与承办", "2. Departments"), "unit": t("部门", "Department"), "role": t("分工", "Part"),
        "pushed": t("推送日期", "Pushed on"), "stands": t("状态", "State"),
        "none": t("尚未移交部门。", "No department has it yet."), "course": t("三、办理经过", "3. What happened"),
        "list": t("四、证据清单", "4. Evidence"), "evidence": t("证据", "Evidence "),
        "missing": t("文件尚未收到", "the file has not come"), "no_evidence": t("没有证据文件。", "There is no evidence."),
        "check": t("五、核验", "5. How to check"),
        "checking": t(
            "本件由同一材料包的 package.json 生成，以该文件为准；其 SHA-256 如下，上报、移交时登记的即是此值。"
            "每一步后的短码是事件链上该事件哈希的前十二位。",
            "These papers were made of package.json of the same package, which is what counts; its SHA-256 follows, and is "
            "what the letter names. The short code behind a step is the beginning of the hash of its event in the event log.",
        ),
        "colon": t("：", ": "),
    }  # fmt: skip
