"""`weka-cpuset simulate`: what the agent does with these pods, on that machine.

The command line of the simulator. It is imported when its command is called, so that the
agent's own start does not wait for it.
"""

EXIT_FAILED = 1
"""A rule of placement was broken or an expectation was not met."""

EXIT_BAD_INPUT = 2
"""A manifest, scenario, machine or option cannot be used; click's own code for a wrong option."""

DEFAULT_MACHINE = "2x8-smt2"
"""The machine where nothing names one: 32 cpus in two NUMA nodes."""

REST_S = 5.0
"""How long a simulation goes on after the last pod's own end, in seconds."""
