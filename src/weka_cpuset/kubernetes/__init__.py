"""Kubernetes Events on pods: a refusal, and a move, told where the pod's owner looks.

A decision is put into the `backlog`, in memory and without waiting, as a `pod_event`. The
`poster` takes from there, seldom enough, and gives it to the `api` server with the rights of
the agent's own `account`. Nothing here is imported by an agent that has it switched off.
"""
