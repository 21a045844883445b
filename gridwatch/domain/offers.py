"""What findings offer to become: a lead with what is known filled in. A person says yes with one tap; none is made by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Offer:
    """A lead that a visit or a round may become. `name` is item and condition (`RG01.not_there`), `categories` begins with the most
    likely one; `place` is that of the visit, as sent; `evidence` are SHA-256 hex digests."""

    name: str
    categories: tuple[str, ...]
    title: str
    description: str
    entity_id: str | None
    address_text: str
    grid_code: str | None
    place: dict[str, Any] | None
    evidence: tuple[str, ...]
