"""The journal: the last decisions that have changed something, with before and after."""
