"""The real agent on simulated hosts: storms, faults, and bugs put in on purpose."""
