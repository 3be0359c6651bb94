"""How hard the properties of placement are tried: 500 examples, or those of a night."""

from hypothesis import settings

EXAMPLES = max(500, settings().max_examples)
"""How many: more with the profile `nightly` (`make nightly`)."""
