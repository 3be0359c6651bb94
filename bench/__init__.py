"""Figures, each taken against its comparison in the same run. See `python -m bench`."""
