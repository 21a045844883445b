"""Tests of evidence files: uploads that are cut, whole or nothing, who sees an original; on both databases and both stores."""
