"""The page: one document with its style and its script in it, which loads nothing else.

The parts are files beside this module. The browser runs only what has the hashes that the policy
names, so nothing that a pod is called, and no proxy, can add a script.
"""

import base64
import functools
import hashlib
from dataclasses import dataclass
from importlib import resources

SCRIPTS = ("model.js", "parts.js", "map.js", "sections.js", "page.js")
"""The parts of the script, in the order in which they are joined."""


@dataclass(frozen=True, slots=True)
class Page:
    """The document, and what the browser is told to allow it.

    Attributes:
        body: The document.
        policy: The value of the header `Content-Security-Policy`.
    """

    body: bytes
    policy: str


@functools.cache
def page() -> Page:
    """Return the page."""
    style = _text("page.css")
    script = "\n".join(map(_text, SCRIPTS))
    document = _text("page.html")
    document = document.replace("<style></style>", f"<style>{style}</style>")
    document = document.replace('"module"></script>', f'"module">{script}</script>')
    policy = (
        "default-src 'none'",
        f"style-src '{_hash_of(style)}'",
        f"script-src '{_hash_of(script)}'",
        "connect-src 'self'",
        "img-src data:",  # the empty icon
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return Page(document.encode(), "; ".join(policy))


def _text(name: str) -> str:
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")


def _hash_of(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
