"""What the log line of an event tells."""

from weka_cpuset.engine import CpuSet, Decision, Ledger, Outcome


def fields_of(name: str, subject: str, before: Ledger, decision: Decision) -> dict[str, object]:
    """Return the fields of an event's log line, in the order they are shown."""
    after = decision.ledger
    holding = after.holding(subject) or before.holding(subject)
    fields: dict[str, object] = {"event": name, "id": subject}
    if holding is not None:
        fields |= {
            "container": holding.label,
            "class": holding.kind.value,
            "before": before.cpus_of(subject) if before.holding(subject) else CpuSet.EMPTY,
            "after": after.cpus_of(subject) if after.holding(subject) else CpuSet.EMPTY,
        }
    if decision.moves:
        fields["moves"] = ", ".join(
            f"{move.container_id}: {move.before} to {move.after}" for move in decision.moves
        )
    if decision.updates:
        fields["updates"] = len(decision.updates)
        if decision.outcome is Outcome.RELEASED:
            fields["reason"] = "container removal"
    if decision.refusal is not None:
        # As text: the exception would keep its whole traceback alive in the log's queue.
        fields["reason"] = str(decision.refusal)
    fields["pool"] = after.pool
    return fields
