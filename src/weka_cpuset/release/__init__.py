"""Giving every container the whole machine back, when the agent is taken away for good.

`releaser` is a plugin that does this in its answer to the runtime's report; `command` runs it.
"""
