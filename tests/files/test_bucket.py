"""The stories of uploads once more, with an S3 bucket as the store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gridwatch.config import Settings
from tests.databases import fresh_spatialite
from tests.files.test_attachments import (  # noqa: F401 - the same tests, with the settings below
    desk,
    lead_with,
    test_a_lead_with_three_photos,
    test_a_preview_has_nothing_of_what_the_camera_wrote,
    test_an_original_goes_out_as_it_came_in_and_that_is_noted,
)
from tests.files.test_cuts import test_a_cut_anywhere, test_two_clients_resume_one_upload  # noqa: F401
from tests.files.test_foreign import photo, test_tuspy_on_a_broken_wire  # noqa: F401
from tests.files.test_sweeping import (  # noqa: F401
    sweep,
    test_a_file_that_nothing_names_goes_after_thirty_days,
    test_what_nobody_goes_on_with_goes_after_fourteen_days,
)
from tests.files.test_uploads import (  # noqa: F401
    test_a_creation_that_brings_the_file_along,
    test_a_death_between_the_bytes_and_the_row,
    test_a_file_in_three_parts,
    test_an_empty_file_is_whole_from_the_start,
    test_ending_an_upload,
    test_the_area_holds_a_file_once,
    test_what_is_not_taken_in_leaves_the_upload_where_it_stands,
    test_what_is_not_what_it_said_is_discarded,
    test_who_names_a_held_hash_and_sends_something_else_is_found_out,
)


@pytest.fixture
def database_url(spatialite_template: Path, tmp_path: Path) -> str:
    """One database is enough here: what differs is the store."""
    return fresh_spatialite(spatialite_template, tmp_path)


@pytest.fixture
def settings(settings: Settings, bucket: dict[str, str]) -> Settings:
    """The settings of `app`, with a bucket."""
    return replace(settings, **bucket)
