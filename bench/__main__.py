"""Run all benches: `python -m bench`."""

from bench import containerd, handler, receive, startup

handler.report()
receive.report()
startup.report()
containerd.report()
