"""Phones, desks, clock, network and crashes as one schedule in one process; the same seed gives the same run.

`python -m tests.simulator --seed N --database postgis` plays one again, and says what happened and which promise broke.
"""
