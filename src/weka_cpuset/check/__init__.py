"""`weka-cpuset check`: is this node fit for the agent, and if not, what is to be done.

Facts are gathered (`gather` and the modules it uses: reading only, nothing is written),
judged (`judge`, `runtime_rules`, `node_rules`: values in, values out) and shown (`show`).
A fact that cannot be read is unknown with a reason; it never ends the check.
"""
