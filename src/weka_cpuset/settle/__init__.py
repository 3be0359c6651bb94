"""Settling: what no reply could carry is brought to the containers outside of any reply.

Some things are left over after a reply. Cpus that became free wait for shared containers. A
container that an update met in the middle of its start may have kept its old cpus, which
the runtime does not tell. The audit finds a container whose cpuset somebody else has
changed. All this is collected, and after a moment of quiet it is told by the first way that
is open:

`cgroup` writes the container's cgroup files (`writer`). Such a pass runs on the event loop,
between two events, and is short: what the ledger says and what is written cannot come apart,
because no event is answered in between. It leaves out containers that the runtime is still
about to give what the last reply says (`in_flight`), and the cpus that these may have: an older
update would undo what is written.

`update` asks the runtime, where that cannot dead-lock it (NRI 0.12.1 and later). The runtime
serves it when no event is under way, so events can be answered while it waits: one that
concerns a container of the update has the last word, and that container is told again.
Hence each request lets one container grow, no more.

`reply` does nothing here: the next replies to the runtime take a bounded number along each.

Whatever fails is told again, later and later, a limited number of times; it is never
forgotten, because the ledger keeps it as doubtful, and every reply takes such things along.
In a burst of creations shared containers do not grow (`calm`).
"""
