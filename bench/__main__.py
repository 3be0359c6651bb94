"""Run all benches: `python -m bench`."""

from bench import (
    audit,
    containerd,
    fragmentation,
    handler,
    latency,
    placement,
    receive,
    record,
    startup,
    web,
)

handler.report()
record.report()
receive.report()
audit.report()
placement.report()
fragmentation.report()
startup.report()
containerd.report()
latency.report()
web.report()
