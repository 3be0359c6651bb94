"""Where tests leave what the end of the report says.

A module of its own: pytest loads `conftest` under another name than the tests import it by, and
a key that is made twice is two keys.
"""

import pytest

EVIDENCE = pytest.StashKey[list[str]]()
"""What the acceptance test said."""
