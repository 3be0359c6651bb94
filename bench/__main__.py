"""Run all benches: `python -m bench`."""

from bench import containerd, handler, receive, record, startup

handler.report()
record.report()
receive.report()
startup.report()
containerd.report()
