"""The tests of Gridwatch: stories, tables and checks of the house, on real databases and a clock that the test holds."""
