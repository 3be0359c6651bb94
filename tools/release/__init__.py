"""Builds what a release consists of: wheel, sdist, executable, chart, bill of materials, checksums.

Run `python -m tools.release` (or `make dist`); everything is put into `dist/`.
"""
