"""How long the agent has to put right what was not its fault. Measured in simulated time."""

DEADLINE_S = 5.0
"""What a fault has left wrong must be right after so many seconds in which the agent was
connected: settling begins within 1 s, and keeps off what the last reply is still to change,
which a runtime that waits for an answer takes 2 s to come to."""

AUDIT_DEADLINE_S = 16.0
"""What went wrong without anybody being told must be right after so many seconds: the audit
comes every 10 s and settles what it finds."""

WRITE_DEADLINE_S = 36.0
"""A write that failed must have been made good after so many seconds: settling tries again
after 30 s at the latest."""

HOTPLUG_DEADLINE_S = 7.0
"""A change of the online cpus must have been followed after so many seconds (rule 10)."""
