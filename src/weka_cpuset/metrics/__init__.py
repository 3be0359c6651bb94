"""The agent's metrics: one table, values that are read when somebody asks, and their text."""
