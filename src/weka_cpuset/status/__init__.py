"""The agent's status: what `/status.json` has, who makes it, and what health is."""
