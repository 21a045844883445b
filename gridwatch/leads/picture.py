"""The lead loop as a picture: states in the column of whoever has the lead, an arrow for each way the table knows.

What is drawn comes from the table (lead_flow.STEPS); only where it is drawn stands here. A way that this plan does not know
is drawn as a straight line, so a new row shows up before somebody finds a better place for it.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gridwatch.domain.lead_flow import STEP_OF, STEPS
from gridwatch.domain.lead_shape import PREVIOUS, Step
from gridwatch.domain.lead_words import STATE_NAMES, LeadState

WIDTH, HEIGHT = 1300, 930
BOX_W, BOX_H = 156, 66
Point = tuple[float, float]

# Whose desk a column is: its centre, Chinese, English.
COLUMNS = (
    (104, "上报人", "reporter"), (350, "社区", "community"), (620, "街道", "street"), (890, "部门", "department"),
    (1150, "上级", "above"),
)  # fmt: skip
# Where the states stand on the road, and below it those that a lead is put aside in: previous state kept, or ended early.
PLACES: dict[LeadState, Point] = {
    LeadState.RETURNED: (104, 130), LeadState.REPORTED: (350, 130),
    LeadState.COMMUNITY: (350, 300), LeadState.STREET: (620, 300), LeadState.DISPATCHED: (890, 300), LeadState.ESCALATED: (1150, 300),
    LeadState.VERIFYING: (350, 490), LeadState.CLOSED: (620, 640),
}  # fmt: skip
ASIDE: dict[LeadState, Point] = {
    LeadState.SHELVED: (96, 795), LeadState.MERGED: (520, 795), LeadState.VOID: (940, 795),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Way:
    """How an arrow runs: its corners, and the left end (or with `middle` the middle) of its label."""

    points: tuple[Point, ...]
    label: Point
    middle: bool = False


_S = LeadState
# fmt: off
WAYS: dict[tuple[LeadState, LeadState], Way] = {
    (_S.REPORTED, _S.RETURNED): Way(((272, 118), (182, 118)), (227, 108), middle=True),
    (_S.RETURNED, _S.REPORTED): Way(((182, 146), (272, 146)), (227, 166), middle=True),
    (_S.REPORTED, _S.COMMUNITY): Way(((350, 163), (350, 267)), (360, 222)),
    (_S.RETURNED, _S.COMMUNITY): Way(((104, 163), (104, 300), (272, 300)), (116, 292)),
    (_S.REPORTED, _S.STREET): Way(((428, 130), (600, 130), (600, 267)), (440, 120)),
    (_S.COMMUNITY, _S.STREET): Way(((428, 288), (542, 288)), (485, 278), middle=True),
    (_S.STREET, _S.COMMUNITY): Way(((542, 314), (428, 314)), (485, 334), middle=True),
    (_S.COMMUNITY, _S.VERIFYING): Way(((332, 333), (332, 457)), (322, 400)),
    (_S.VERIFYING, _S.COMMUNITY): Way(((372, 457), (372, 333)), (382, 400)),
    (_S.STREET, _S.DISPATCHED): Way(((698, 288), (812, 288)), (755, 278), middle=True),
    (_S.DISPATCHED, _S.STREET): Way(((812, 314), (698, 314)), (755, 334), middle=True),
    (_S.STREET, _S.ESCALATED): Way(((640, 267), (640, 200), (1130, 200), (1130, 267)), (890, 190), middle=True),
    (_S.DISPATCHED, _S.ESCALATED): Way(((968, 288), (1072, 288)), (1020, 278), middle=True),
    (_S.ESCALATED, _S.DISPATCHED): Way(((1072, 314), (968, 314)), (1020, 334), middle=True),
    (_S.DISPATCHED, _S.VERIFYING): Way(((876, 333), (876, 474), (428, 474)), (700, 464)),
    (_S.VERIFYING, _S.DISPATCHED): Way(((428, 494), (904, 494), (904, 333)), (700, 512)),
    (_S.ESCALATED, _S.VERIFYING): Way(((1116, 333), (1116, 540), (410, 540), (410, 523)), (1000, 532)),
    (_S.VERIFYING, _S.ESCALATED): Way(((386, 523), (386, 564), (1144, 564), (1144, 333)), (930, 582)),
    (_S.ESCALATED, _S.CLOSED): Way(((1172, 333), (1172, 640), (698, 640)), (1000, 632)),
    (_S.VERIFYING, _S.CLOSED): Way(((330, 523), (330, 632), (542, 632)), (440, 622)),
    (_S.STREET, _S.CLOSED): Way(((606, 333), (606, 607)), (596, 590)),
    (_S.CLOSED, _S.STREET): Way(((634, 607), (634, 333)), (644, 395)),
    (_S.CLOSED, _S.COMMUNITY): Way(((542, 656), (236, 656), (236, 318), (272, 318)), (246, 676)),
}
_LEFT_OF_LINE = {(_S.COMMUNITY, _S.VERIFYING), (_S.STREET, _S.CLOSED)}  # their label ends where others begin
# fmt: on

_STYLE = """
  text { font-family: "Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif; fill: #1f2933 }
  .column { fill: #f4f6f8 } .head { font-size: 17px; font-weight: 700 } .en { font-size: 13px; fill: #52606d }
  .box { fill: #ffffff; stroke: #1f5fa8; stroke-width: 2 } .end { stroke: #52606d; stroke-dasharray: 6 4 }
  .name { font-size: 17px; font-weight: 700 } .way { fill: none; stroke: #52606d; stroke-width: 1.6; marker-end: url(#tip) }
  .steps { font-size: 13.5px; font-weight: 700; fill: #1f5fa8; paint-order: stroke; stroke: #ffffff; stroke-width: 5px }
  .note { font-size: 13px; fill: #323f4b }
"""


def svg() -> str:
    """The picture: SVG 1.1, a document of its own."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img"'
        ' aria-labelledby="title">',
        '<title id="title">线索流转：状态与步骤 · The lead loop: states and steps</title>',
        f"<style>{_STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 10 5 0 10z" fill="#52606d"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        *_columns(), *_arrows(), *_report(), *_boxes(), *_aside(), "</svg>",
    ]  # fmt: skip
    return "\n".join(parts) + "\n"


# -- what the table says ----------------------------------------------------------------------------------------------


def ways() -> dict[tuple[LeadState, LeadState], list[str]]:
    """From which state to which other, by which steps, in the order of the table."""
    found: dict[tuple[LeadState, LeadState], list[str]] = {}
    for step in STEPS:
        for start in (one for one in LeadState if one in step.frm):
            if isinstance(step.to, LeadState) and step.to is not start:
                found.setdefault((start, step.to), []).append(step.id)
    return found


def _going_back(state: LeadState) -> list[Step]:
    return [step for step in STEPS if state in step.frm and step.to == PREVIOUS]


# -- how it is drawn --------------------------------------------------------------------------------------------------


def _columns() -> Iterator[str]:
    for x, zh, en in COLUMNS:
        yield f'<rect class="column" x="{x - 100}" y="14" width="200" height="690" rx="10"/>'
        yield _text(x, 44, zh, "head", middle=True)
        yield _text(x, 62, en, "en", middle=True)


def _arrows() -> Iterator[str]:
    labels = []
    for (start, end), steps in ways().items():
        if end in ASIDE:
            continue
        way = WAYS.get((start, end)) or _straight(start, end)
        yield f'<path class="way" d="{_rounded(way.points)}"/>'
        anchor = "middle" if way.middle else "end" if (start, end) in _LEFT_OF_LINE else "start"
        labels += [
            f'<text class="steps" x="{way.label[0]}" y="{way.label[1] + 16 * line}" text-anchor="{anchor}">{words}</text>'
            for line, words in enumerate(_lines(steps))
        ]
    yield from labels


def _straight(start: LeadState, end: LeadState) -> Way:
    (x, y), (to_x, to_y) = PLACES.get(start, ASIDE.get(start, (0, 0))), PLACES[end]
    return Way(((x, y), (to_x, to_y)), ((x + to_x) / 2, (y + to_y) / 2), middle=True)


def _rounded(points: tuple[Point, ...], radius: float = 10) -> str:
    """A path through the corners of a right-angled line, each rounded."""
    path = [f"M{points[0][0]:g} {points[0][1]:g}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        path.append(
            f"L{_towards(corner, before, radius)} Q{corner[0]:g} {corner[1]:g} {_towards(corner, after, radius)}"
        )
    path.append(f"L{points[-1][0]:g} {points[-1][1]:g}")
    return " ".join(path)


def _towards(corner: Point, other: Point, by: float) -> str:
    dx, dy = other[0] - corner[0], other[1] - corner[1]
    far = max(abs(dx), abs(dy)) or 1
    by = min(by, far / 2)
    return f"{corner[0] + dx / far * by:g} {corner[1] + dy / far * by:g}"


def _report() -> Iterator[str]:
    """How a lead comes into being."""
    steps = [step for step in STEPS if not step.frm]
    x, y = PLACES[LeadState.REPORTED]
    yield f'<path class="way" d="M{x} 70 L{x} {y - BOX_H / 2}"/>'
    yield _text(x + 10, 88, " ".join(step.id for step in steps), "steps")


def _boxes() -> Iterator[str]:
    for state, place in PLACES.items():
        yield from _box(state, place, "box end" if state is LeadState.CLOSED else "box")


def _box(state: LeadState, place: Point, style: str) -> Iterator[str]:
    (x, y), (zh, en) = place, STATE_NAMES[state]
    yield f'<rect class="{style}" x="{x - BOX_W / 2:g}" y="{y - BOX_H / 2:g}" width="{BOX_W}" height="{BOX_H}" rx="8"/>'
    yield _text(x, y - 1, zh, "name", middle=True)
    yield _text(x, y + 20, en, "en", middle=True)


def _aside() -> Iterator[str]:
    """States that a lead is put aside in: from where, and how it comes back."""
    for state, (x, y) in ASIDE.items():
        yield from _box(state, (x, y), "box" if _going_back(state) else "box end")
        row = y - 22
        for start, steps in ((start, steps) for (start, end), steps in ways().items() if end is state):
            yield _text(x + 92, row, " ".join(steps), "steps")
            yield _text(x + 92 + 36 * len(steps), row, f"← {STATE_NAMES[start][0]} {STATE_NAMES[start][1]}", "note")
            row += 20
        for step in _going_back(state):
            yield _text(x + 92, row, step.id, "steps")
            yield _text(x + 128, row, "→ 原来的状态 back to where it was", "note")
            row += 20
    yield _text(26, 915, "箭头上的编号见 docs/leads.md；不改变状态的步骤没有画 · the numbers are those of docs/leads.md; steps that leave "
                "the state as it is are not drawn", "note")  # fmt: skip


def _lines(steps: Sequence[str]) -> list[str]:
    """One step with its name; of several the numbers, three in a line."""
    if len(steps) == 1:
        return [f"{steps[0]} {STEP_OF[steps[0]].zh}"]
    return [" ".join(steps[at : at + 3]) for at in range(0, len(steps), 3)]


def _text(x: float, y: float, words: str, style: str, *, middle: bool = False) -> str:
    anchor = ' text-anchor="middle"' if middle else ""
    return f'<text class="{style}" x="{x:g}" y="{y:g}"{anchor}>{html.escape(words)}</text>'
