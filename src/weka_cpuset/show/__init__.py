"""What is shown to people in a terminal: the map of a machine and its containers."""
