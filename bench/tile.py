"""A map tile of 5,000 shops over the API (point 8 of the issue), beside the barest SQL for the same tile."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from flask import Flask

from bench.asking import sign_in
from bench.city import CITY, City, build_areas, build_grids, build_people
from bench.databases import Place, settle, writing
from bench.machine import Others
from bench.table import Aim, Row
from bench.timing import alternate, measured, seconds
from gridwatch.db.base import db, new_id
from gridwatch.db.engine import dialect_of
from gridwatch.domain.web_mercator import BUFFER, EXTENT, Tile
from gridwatch.entities.models import Entity
