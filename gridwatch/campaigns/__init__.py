"""Campaigns 专项: one order, many targets, each ticked off 销号 with its result."""
