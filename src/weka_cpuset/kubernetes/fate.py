"""What can become of a refusal or a move that is to be told as an Event."""

import enum


class Fate(enum.StrEnum):
    """What became of it. Each one has one fate, unless it still waits."""

    POSTED = "posted"
    """The API server has it."""

    REPEATED = "repeated"
    """It is counted in an Event that says the same."""

    REJECTED = "rejected"
    """The API server does not take it, such as for lack of rights, or after the namespace's end."""

    EXPIRED = "expired"
    """It became too old while the API server was away."""

    LOST = "lost"
    """There was no room for it."""

    UNNAMED = "unnamed"
    """The runtime has not told which pod of Kubernetes it is about."""
