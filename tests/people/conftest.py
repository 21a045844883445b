"""Telephones that sign in and refresh, as sync-protocol section 2 says, and lose answers on the way."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.fixtures import PASSWORD, Answer, Caller, World, sign_in_body


@dataclass
class Phone:
    """A phone: the device id that it made once, and the tokens that it has stored."""

    http: Caller
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    access: str = ""
    refresh: str = ""

    def sign_in(self, username: str, password: str = PASSWORD) -> Answer:
        """Sign in and, when that works, store the tokens."""
        return self._keep(self.http.post("/api/v1/auth/sign-in", sign_in_body(username, self.id, password)))

    def trade(self, token: str | None = None, *, device_id: str | None = None, lost: bool = False) -> Answer:
        """Refresh with the stored token or another one; a lost answer is not stored."""
        body = {"refresh_token": token or self.refresh, "device_id": device_id or self.id}
        answer = self.http.post("/api/v1/auth/refresh", body)
        return answer if lost else self._keep(answer)

    def sign_out(self, access: str | None = None, **body: Any) -> Answer:
        """Sign out with the stored access token."""
        headers = {"Authorization": f"Bearer {access or self.access}"}
        return self.http.post("/api/v1/auth/sign-out", body or None, headers=headers)

    def is_in(self, access: str | None = None) -> bool:
        """Whether an access token (by default the stored one) opens anything."""
        answer = self.http.get("/api/v1/auth/devices", headers={"Authorization": f"Bearer {access or self.access}"})
        assert (answer.status, (answer.body or {}).get("code")) in ((200, None), (401, "auth.expired"))
        return answer.status == 200

    def _keep(self, answer: Answer) -> Answer:
        if answer.status == 200:
            self.access, self.refresh = answer.body["access_token"], answer.body["refresh_token"]
        return answer


@pytest.fixture
def new_phone(client: Caller, world: World) -> Callable[..., Phone]:
    """`new_phone()` is one out of the box; `new_phone("grid_worker")` is signed in."""

    def make(username: str | None = None) -> Phone:
        phone = Phone(client)
        if username:
            assert phone.sign_in(username).status == 200
        return phone

    return make
