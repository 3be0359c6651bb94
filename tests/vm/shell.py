"""`make vm`: a shell in a virtual node with 20 cpus, containerd and the agent.

All is as in the tests. What is done in the machine is forgotten when the shell ends.
"""

import argparse
import os
import select
import shutil
import socket
import sys
import tempfile
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.containerd_config import Series
from tests.vm import image, product
from tests.vm.machine import Machine
from tests.vm.node import LOG, Agent

WELCOME = f"""
This node has {{cpus}} cpus, two threads a core, two NUMA nodes, {{series}} and weka-cpuset.

  pod annotated 15,16     a pod that names its cpus
  pod integer 2           a pod with two cpus of its own
  pod shared              a pod on what is left
  pod list                where they run, as the kernel has it
  pod delete NAME
  tail -f {LOG}
  weka-cpuset stress --cri /node/containerd.sock --image docker.io/local/busybox:1
  exit                    ends the machine
"""


def main() -> int:
    """Starts the machine, and connects this terminal to it until its shell ends."""
    parser = argparse.ArgumentParser(prog="make vm", description=__doc__)
    parser.add_argument(
        "--containerd", choices=[one.value for one in Series], default=Series.V2_1.value
    )
    series = Series(parser.parse_args().containerd)
    _tell("Preparing the image (the first time takes a minute)")
    built = image.build()
    with tempfile.TemporaryDirectory(prefix="vm-") as folder:
        machine = Machine(built, series, Path(folder))
        try:
            _tell("Starting the machine")
            machine.restore()
            work = Path(folder) / "product"
            work.mkdir()
            machine.send(product.archive(built, work))
            Agent(machine).start()
            told = machine.run("nproc").strip()
            _tell(WELCOME.format(cpus=told, series=series.value))
            with machine.terminal() as connection:
                _connect(connection)
        finally:
            machine.close()
    return 0


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _connect(connection: socket.socket) -> None:
    """Moves bytes both ways until the machine's side ends; input that ends ends its shell."""
    size = shutil.get_terminal_size()
    connection.sendall(f"stty rows {size.lines} cols {size.columns}; clear\n".encode())
    sources: list[int] = [connection.fileno(), sys.stdin.fileno()]
    with _raw(sys.stdin.fileno()):
        while True:
            for source in select.select(sources, [], [])[0]:
                if source == connection.fileno():
                    received = connection.recv(1 << 16)
                    if not received:
                        return
                    os.write(sys.stdout.fileno(), received)
                    continue
                typed = os.read(source, 1 << 16)
                if typed:
                    connection.sendall(typed)
                else:
                    connection.sendall(b"\nexit\n")
                    sources.remove(source)


@contextmanager
def _raw(terminal: int) -> Iterator[None]:
    """Passes each key on as it is, also Ctrl-C; does nothing where there is no terminal."""
    if not os.isatty(terminal):
        yield
        return
    before = termios.tcgetattr(terminal)
    tty.setraw(terminal)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


if __name__ == "__main__":
    sys.exit(main())
