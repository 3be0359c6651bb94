"""The virtual machine tier: the agent and a real containerd on 20 cpus and two NUMA nodes."""
