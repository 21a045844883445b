"""The register of the stories."""

from __future__ import annotations

from tests.stories.conftest import register  # noqa: F401 - the same register
