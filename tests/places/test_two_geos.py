"""Two copies of GEOS live in one process on SpatiaLite: mod_spatialite's and shapely's. They must not meet."""

from __future__ import annotations

import subprocess
import sys

SPATIALITE_FIRST = """
from gridwatch.db.dialects.spatialite import driver, load_extension

connection = driver().connect(":memory:")
load_extension(connection)

import shapely

outer, inner = [(0, 0), (0, 9), (9, 9), (9, 0), (0, 0)], [(3, 3), (6, 3), (6, 6), (3, 6), (3, 3)]
for _ in range(50):
    shape = shapely.MultiPolygon([shapely.Polygon(outer, [inner])])
    assert shapely.orient_polygons(shape).is_valid
assert connection.execute("SELECT ST_Area(GeomFromText('POLYGON((0 0, 0 2, 2 2, 2 0, 0 0))'))").fetchone() == (4.0,)
"""


def test_shapely_works_in_a_process_that_opened_spatialite_first():
    answer = subprocess.run([sys.executable, "-c", SPATIALITE_FIRST], capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stderr) == (0, "")
