"""The handheld in a real browser, against a real server of ours over HTTP."""
