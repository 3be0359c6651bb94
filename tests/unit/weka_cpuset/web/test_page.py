"""The page: one document, of which the browser runs what the policy names."""

import base64
import hashlib
import re

import pytest

from weka_cpuset.web.page import page

TEXT = page().body.decode()


@pytest.mark.parametrize("kind", ["style", "script"])
def test_policy_names_what_is_in_the_document(kind: str) -> None:
    """There is one style and one script, and the policy has their hashes and allows no others."""
    (inside,) = re.findall(rf"<{kind}[^>]*>(.*?)</{kind}>", TEXT, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
    assert f"{kind}-src 'sha256-{digest}';" in page().policy
    assert "unsafe" not in page().policy


def test_document_loads_nothing() -> None:
    """It names no other document but those of the agent, and has no other place for a script."""
    assert re.findall(r"(?:https?:)?//[a-z]", re.sub(r"(?m)//\s.*$", "", TEXT)) == []
    assert re.findall(r"\ssrc=|\sstyle=|\son[a-z]+=|@import|url\(", TEXT) == []


def test_text_cannot_become_markup() -> None:
    """The script sets text only as text."""
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|setHTML"
    assert re.findall(ways, TEXT) == []
