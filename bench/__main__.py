"""Run all benches: `python -m bench`."""

from bench import audit, containerd, handler, latency, receive, record, startup

handler.report()
record.report()
receive.report()
audit.report()
startup.report()
containerd.report()
latency.report()
