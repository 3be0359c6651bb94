"""Alert rules against the series of simulated agents, evaluated by promtool."""
