"""The reference pages have what the code has."""

import pytest

from tools import reference_pages


@pytest.mark.parametrize("name", reference_pages.GENERATED)
def test_page_is_up_to_date(name: str) -> None:
    """If not, run `python tools/reference_pages.py`."""
    assert reference_pages.page(name) == (reference_pages.PAGES / name).read_text()
