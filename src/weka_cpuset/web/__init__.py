"""The agent's HTTP: a small server with hard limits, and what it answers."""
