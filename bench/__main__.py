"""Run all benches: `python -m bench`."""

from bench import handler, startup

handler.report()
startup.report()
