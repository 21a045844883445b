"""What every test may ask for. The fixtures live beside what they give; this file only names their homes."""

pytest_plugins = ["tests.databases", "tests.fixtures"]
