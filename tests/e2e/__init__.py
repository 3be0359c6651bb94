"""The agent under a real containerd: pods over CRI, the truth read from the kernel."""
