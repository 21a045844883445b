"""Numbers of leads that people can read out: street, day, running number, e.g. 441900004-20260918-0007."""

from __future__ import annotations

from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session


def next_numbers(session: Session, street_code: str, today: date, number: int) -> list[str]:
    """The next `number` numbers of the street on the local day `today`. The counter row stays locked until the commit, so none
    is doubled."""
    day = today.strftime("%Y%m%d")
    last = session.execute(
        text(
            "INSERT INTO lead_number (street_code, day, last) VALUES (:street, :day, :number) "
            "ON CONFLICT (street_code, day) DO UPDATE SET last = lead_number.last + excluded.last RETURNING last"
        ),
        {"street": street_code, "day": day, "number": number},
    ).scalar_one()
    return [f"{street_code}-{day}-{one:04d}" for one in range(last - number + 1, last + 1)]
