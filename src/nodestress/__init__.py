"""The operators' acceptance test on a node, a real one or a simulated one."""
