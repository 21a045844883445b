"""People at their desks: each takes steps of a lead over the API, as a console would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.fixtures import Answer, Caller

PHOTO = "a" * 64
BASIS = "《无证无照经营查处办法》第五条"


@dataclass
class Desk:
    """One signed-in person and the leads that she can reach."""

    caller: Caller

    def sees(self, lead_id: str) -> dict[str, Any]:
        """The lead as this person sees it; an AssertionError when she may not."""
        answer = self.caller.get(f"/api/v1/leads/{lead_id}")
        assert answer.status == 200, answer.body
        return answer.body

    def tries(self, lead_id: str, act: str, *, version: int | None = None, **inputs: Any) -> Answer:
        """Try a step and return the answer, whatever it is. Without `version` the newest one is named."""
        if version is None:
            seen = self.caller.get(f"/api/v1/leads/{lead_id}")
            version = seen.body["version"] if seen.status == 200 else 1
        body = {"act": act, "inputs": inputs, "expected_version": version}
        return self.caller.post(f"/api/v1/leads/{lead_id}/steps", body)

    def does(self, lead_id: str, act: str, **inputs: Any) -> dict[str, Any]:
        """Take a step that must succeed; returns the lead afterwards."""
        answer = self.tries(lead_id, act, **inputs)
        assert answer.status == 200, (act, answer.body)
        return answer.body


def duty(lead: dict[str, Any], kind: str, k: int = 1) -> dict[str, Any]:
    """The newest obligation of a kind (and window) in a lead's view."""
    return [one for one in lead["obligations"] if one["kind"] == kind and one["k"] == k][-1]
