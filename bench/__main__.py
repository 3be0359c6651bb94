"""Run all benches: `python -m bench`."""

from bench import containerd, handler, startup

handler.report()
startup.report()
containerd.report()
