"""A busy node, as a reader of the page would meet it."""

from tests.browser.node import ShownNode


def fill(node: ShownNode, pods: int) -> None:
    """Start pods of all classes.

    Args:
        node: A node with at least 16 cpus.
        pods: How many of them are shared.
    """
    node.shared(*(f"web-{number}" for number in range(pods)))
    node.shared("logs", forbidden="0-1")
    for number, cpus in enumerate((1, 2, 4)):
        node.integer(f"database-{number}", cpus)
    pool = list(node.ledger.pool)
    node.annotated("weka-client", f"{pool[-2]},{pool[-1]}")
    node.annotated("weka-monitor", f"{pool[-1]}")
    owned = node.integer("moved", 2)
    node.annotated("weka-compute", str(owned))
    node.end("database-0")
