"""Run all benches: `python -m bench`."""

from bench import (
    audit,
    containerd,
    executable,
    fragmentation,
    handler,
    latency,
    page,
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
executable.report()
containerd.report()
latency.report()
web.report()
page.report()
