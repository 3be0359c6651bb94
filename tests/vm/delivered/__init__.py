"""Tests of the agent as users get it: the chart's pod, and the executable of the release."""
