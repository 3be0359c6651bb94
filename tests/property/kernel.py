"""A slow, obvious model of a runtime and its kernel: the oracle of the engine's tests.

It applies adjustments and updates one by one, as containerd does, and after each of them
looks at every pair of live containers.
"""

from dataclasses import dataclass, field

from weka_cpuset.engine import (
    AnnotatedDemand,
    Class,
    CpuSet,
    CpusetUpdate,
    Holding,
    IntegerDemand,
    Ledger,
    Phase,
)


@dataclass
class Process:
    """A live container.

    Attributes:
        record: The cpus on the runtime's record.
        kernel: The cpus the kernel enforces.
        phase: How far it has come, by the runtime.
        lost: Whether the kernel has missed an update, or a cpu, while the container started.
    """

    record: CpuSet
    kernel: CpuSet
    phase: Phase = Phase.CREATED
    lost: bool = False


@dataclass
class Kernel:
    """What is really applied.

    Attributes:
        online: All cpus.
        loses: Whether updates in the start window miss the kernel.
        processes: Live containers by id.
        strangers: Containers created behind the engine's back, or judged anew by an event
            whose reply carries nothing: not checked until they were updated.
        plugged: Whether cpus have gone offline or come back.
    """

    online: CpuSet
    loses: bool = False
    processes: dict[str, Process] = field(default_factory=dict)
    strangers: set[str] = field(default_factory=set)
    plugged: bool = False

    def apply(self, updates: tuple[CpusetUpdate, ...], ledger: Ledger) -> None:
        """Apply the updates of a reply one after the other."""
        named = [update.container_id for update in updates]
        assert len(named) == len(set(named)), f"a container is updated twice: {named}"
        for update in updates:
            assert update.cpus, f"an empty update of {update.container_id}"
            assert update.container_id in self.processes, f"{update.container_id} has ended"
            self.set(update.container_id, update.cpus)
            self.check(ledger)
        self.welcome(ledger)

    def welcome(self, ledger: Ledger) -> None:
        """Check containers that came behind the engine's back once all replies are through.

        Until then they overlap others: no order of updates can help that.
        """
        if ledger.settled:
            self.strangers.clear()

    def set(self, container_id: str, cpus: CpuSet) -> None:
        """Apply one cpuset."""
        process = self.processes[container_id]
        process.record = cpus
        if process.phase is Phase.CREATED and self.loses:
            process.lost = True
        else:
            process.kernel = cpus
            process.lost = False

    def use(self, online: CpuSet) -> None:
        """Take cpus offline or bring them back, as the kernel does with cgroup v1."""
        self.online = online
        self.plugged = True
        for process in self.processes.values():
            if not process.kernel <= online:
                process.kernel = process.kernel & online or online
                process.lost |= process.phase is Phase.CREATED

    def create(self, container_id: str, cpus: CpuSet) -> None:
        """Create a container with an adjusted cpuset."""
        self.processes[container_id] = Process(cpus, cpus)

    def check(self, ledger: Ledger) -> None:
        """Check the rules of placement on what the kernel enforces now."""
        live = {
            one: (ledger.holding(one), process)
            for one, process in self.processes.items()
            if one not in self.strangers and not process.lost
        }
        for one, (holding, process) in live.items():
            if holding is None or one in ledger.starved:
                continue
            self._check_own(one, holding, process)
            for other, (guest, beside) in live.items():
                if other != one and guest is not None and other not in ledger.starved:
                    self._check_pair(holding, process, guest, beside)

    def _check_own(self, one: str, holding: Holding, process: Process) -> None:
        assert process.kernel, f"{one} has no cpu"
        match holding.demand:
            case AnnotatedDemand(cpus) if holding.kind is Class.ANNOTATED:
                # Who starts may be elsewhere yet, and so may those who wait for it: it then waits
                # on a part of its cpus until these have left the others.
                fewer = process.kernel < cpus and process.record != cpus
                assert process.kernel == cpus or fewer, f"{one} has {process.kernel}, not {cpus}"
            case IntegerDemand(count, forbidden) if holding.kind is Class.INTEGER:
                has = len(process.kernel)
                # When cpus go offline those who must swap can do so on fewer cpus only.
                fewer = self.plugged and has < count and process.record != holding.cpus
                assert has == count or fewer, f"{one} has {process.kernel}, not {count}"
                assert process.kernel.isdisjoint(forbidden), f"{one} runs on forbidden cpus"
            case _:
                forbidden = holding.demand.forbidden
                assert process.kernel.isdisjoint(forbidden), f"{one} runs on forbidden cpus"

    def _check_pair(
        self, owner: Holding, process: Process, guest: Holding, beside: Process
    ) -> None:
        if owner.kind is Class.SHARED or (owner.kind is guest.kind is Class.ANNOTATED):
            return
        common = process.kernel & beside.kernel
        assert not common, f"{owner.id} ({owner.kind}) and {guest.id} ({guest.kind}) on {common}"
