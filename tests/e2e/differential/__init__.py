"""The same scenes on the simulated runtime and on a real containerd, and what differs."""
