"""What a container asks for, told from what the runtime shows of it.

The kubelet turns requests and limits into shares, quota and period; nothing else of the
pod's resources reaches a runtime. All arithmetic here is exact, on the kubelet's own
integers: `shares = milli * 1024 / 1000`, at least 2 and at most 262144, and
`quota = milli * period / 1000` (kubelet, pkg/kubelet/cm, MilliCPUToShares/Quota).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction

from weka_cpuset.engine.cpuset import CpuListError, CpuSet
from weka_cpuset.engine.errors import AnnotationIgnored, CoresOffline, InvalidCores, Notice
from weka_cpuset.engine.preference import NO_PREFERENCE, Numa, Preference, Smt
from weka_cpuset.engine.topology import Topology

CORES_ANNOTATION = "weka.io/cores-ids"
"""Pod annotation that names the cpus of all its containers."""

FORBID_ANNOTATION = "weka.io/forbid-core-ids"
"""Pod annotation that names cpus its containers must never run on."""

NO_LIST = "none"
"""Value of an annotation for one container that leaves it out of the list for all."""

SMT_ANNOTATION = "weka.io/smt"
"""Pod annotation that says how its integer containers use the threads of cores."""

NUMA_ANNOTATION = "weka.io/numa"
"""Pod annotation that says how its integer containers use nodes."""

SHARES_PER_CPU = 1024
SHARES_MAX = 262144
"""Where the kubelet's shares saturate: 256 cpus."""

GUARANTEED_OOM_SCORE = -997
"""What the kubelet gives to containers of Guaranteed pods, and to all critical ones."""

_NO_ANNOTATIONS: Mapping[str, str] = {}
_LISTS = (CORES_ANNOTATION, FORBID_ANNOTATION)
_READ = (*_LISTS, SMT_ANNOTATION, NUMA_ANNOTATION)
_LISTS_OF_CONTAINERS = tuple(f"{annotation}." for annotation in _LISTS)


class Class(Enum):
    """How a container is placed."""

    ANNOTATED = "annotated"
    INTEGER = "integer"
    SHARED = "shared"


class Why(Enum):
    """What decided about the class of a container."""

    ANNOTATION = "its pod names its cpus"
    WHOLE_CPUS = "its pod is Guaranteed and its cpu limit is a whole number"
    NOT_GUARANTEED = "its pod is not Guaranteed"
    NO_MEMORY_LIMIT = "it has no memory limit, so its pod is not Guaranteed"
    NOT_WHOLE = "its cpu limit is not a whole number of cpus"
    REQUEST_DIFFERS = "its cpu request differs from its limit"
    BAD_ANNOTATION = "its pod names cpus in a way that cannot be used"
    POD_LEVEL = "its cpu limit is the one of the whole pod, which its containers share"


@dataclass(frozen=True, slots=True)
class PodFacts:
    """A pod as the runtime shows it. Zero and "" mean: not specified.

    Attributes:
        id: The sandbox's id.
        uid: The Kubernetes uid.
        namespace: Its namespace.
        name: Its name.
        annotations: As they were when the sandbox was made.
        cgroup_parent: Its cgroup, in cgroupfs or systemd form.
        cpu_quota: The pod's own cfs quota in µs per period.
        cpu_period: The period of that in µs.
    """

    id: str
    uid: str = ""
    namespace: str = ""
    name: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    cgroup_parent: str = ""
    cpu_quota: int = 0
    cpu_period: int = 0


@dataclass(frozen=True, slots=True)
class ContainerFacts:
    """A container as the runtime shows it. Zero and "" mean: not specified.

    Attributes:
        id: Its id.
        pod_id: Id of its pod's sandbox.
        name: Its name within the pod, the same for each attempt.
        shares: cpu.shares as in the OCI specification.
        quota: cfs quota in µs per period; negative means no limit.
        period: The period in µs.
        memory_limit: Memory limit in bytes; negative means no limit.
        oom_score_adj: The kernel's badness adjustment; None if not told.
        cpus: The cpus the runtime has on record for it, as a kernel list.
        mems: Likewise its memory nodes.
        cgroup: Its cgroup path as the runtime tells it; not looked at here.
    """

    id: str
    pod_id: str
    name: str = ""
    shares: int = 0
    quota: int = 0
    period: int = 0
    memory_limit: int = 0
    oom_score_adj: int | None = None
    cpus: str = ""
    mems: str = ""
    cgroup: str = ""


@dataclass(frozen=True, slots=True)
class AnnotatedDemand:
    """Exactly these cpus.

    Attributes:
        cpus: The cpus; not empty.
    """

    cpus: CpuSet

    @property
    def forbidden(self) -> CpuSet:
        """Nothing: annotated containers ignore forbidden cpus (rule 3)."""
        return CpuSet.EMPTY


@dataclass(frozen=True, slots=True)
class IntegerDemand:
    """So many cpus of its own.

    Attributes:
        count: How many, at least 1.
        forbidden: Cpus its pod forbids.
        preference: How they are to lie.
    """

    count: int
    forbidden: CpuSet = CpuSet.EMPTY
    preference: Preference = NO_PREFERENCE


@dataclass(frozen=True, slots=True)
class SharedDemand:
    """The pool.

    Attributes:
        forbidden: Cpus its pod forbids.
    """

    forbidden: CpuSet = CpuSet.EMPTY


Demand = AnnotatedDemand | IntegerDemand | SharedDemand


@dataclass(frozen=True, slots=True)
class Classified:
    """The result of looking at a container.

    Attributes:
        demand: What it asks for.
        why: What decided about that.
        notices: What was odd.
    """

    demand: Demand
    why: Why
    notices: tuple[Notice, ...] = ()


def classify(
    pod: PodFacts | None,
    container: ContainerFacts,
    topology: Topology,
    siblings: Sequence[ContainerFacts] = (),
    preference: Preference = NO_PREFERENCE,
) -> Classified:
    """Tell what a container asks for.

    Args:
        pod: Its pod, if known. Without it there are no annotations, and the oom score
            stands in for the QoS class.
        container: The container.
        topology: The machine, to check named cpus against.
        siblings: The pod's other live containers, to recognise pod-level resources.
        preference: How integer containers lie whose pod does not say it.

    Returns:
        Its demand, and why.

    Raises:
        InvalidCores: The annotation that names its cpus is no usable list.
        CoresOffline: It names cpus that are not online.
    """
    named = _cores_list(pod, container.name)
    if named is not None:
        return Classified(AnnotatedDemand(_named_cpus(*named, topology)), Why.ANNOTATION)
    forbidden, notices = forbidden_of(pod, container.name)
    why, count = _whole_cpus_of_pod(pod, container, siblings)
    if why is Why.WHOLE_CPUS:
        wishes, odd = preference_of(pod, preference)
        return Classified(IntegerDemand(count, forbidden, wishes), why, (*notices, *odd))
    return Classified(SharedDemand(forbidden), why, notices)


def annotation_for(annotation: str, container: str) -> str:
    """Return the annotation that stands for one container in place of one for all.

    Args:
        annotation: `CORES_ANNOTATION` or `FORBID_ANNOTATION`.
        container: The container's name.
    """
    return f"{annotation}.{container}"


def reads_annotation(annotation: str) -> bool:
    """Tell whether the engine may read an annotation of a pod; it never looks at others."""
    return annotation in _READ or annotation.startswith(_LISTS_OF_CONTAINERS)


def forbidden_of(pod: PodFacts | None, container: str) -> tuple[CpuSet, tuple[Notice, ...]]:
    """Read which cpus a pod forbids to one of its containers (rule 3).

    Args:
        pod: The pod, if known.
        container: The container's name.

    Returns:
        The cpus, and a notice for each list that does not parse and is taken for missing.
    """
    annotations = _NO_ANNOTATIONS if pod is None else pod.annotations
    own = annotation_for(FORBID_ANNOTATION, container)
    notices: tuple[Notice, ...] = ()
    for annotation in (own, FORBID_ANNOTATION):
        text = annotations.get(annotation)
        if text is None:
            continue
        if annotation == own and text == NO_LIST:
            return CpuSet.EMPTY, notices
        try:
            return CpuSet.parse(text), notices
        except CpuListError as error:
            notices = (*notices, AnnotationIgnored(annotation, text, str(error)))
    return CpuSet.EMPTY, notices


def preference_of(
    pod: PodFacts | None, default: Preference
) -> tuple[Preference, tuple[Notice, ...]]:
    """Read how a pod wants the cpus of its integer containers to lie.

    Args:
        pod: The pod, if known.
        default: What the operator set; the pod's own word goes before it.

    Returns:
        The preference, and a notice for each annotation that is ignored.
    """
    annotations = _NO_ANNOTATIONS if pod is None else pod.annotations
    smt, numa = default.smt, default.numa
    notices: list[Notice] = []
    try:
        smt = Smt(annotations.get(SMT_ANNOTATION, smt))
    except ValueError:
        notices.append(_no_word(SMT_ANNOTATION, annotations[SMT_ANNOTATION], Smt))
    try:
        numa = Numa(annotations.get(NUMA_ANNOTATION, numa))
    except ValueError:
        notices.append(_no_word(NUMA_ANNOTATION, annotations[NUMA_ANNOTATION], Numa))
    return Preference(smt, numa, default.llc), tuple(notices)


def _no_word(annotation: str, text: str, words: type[Smt] | type[Numa]) -> AnnotationIgnored:
    return AnnotationIgnored(annotation, text, f"it must be one of {', '.join(words)}")


def has_pod_level_limit(pod: PodFacts | None, containers: Sequence[ContainerFacts]) -> bool:
    """Tell whether live containers of a pod share its pod-level cpu limit.

    With pod-level resources (KEP-2837) the kubelet gives the pod's limit to each
    container that has none of its own, so that such containers look as if they asked for
    whole cpus. Taken together they then exceed what the pod has, which the limits of
    containers of their own cannot. One container alone never does: the pod's figure may
    be older than its own, since few runtimes tell when a pod is resized.

    Args:
        pod: The pod, if known.
        containers: Its live containers.

    Returns:
        Whether one has the pod's own limit and all together exceed it.
    """
    if pod is None or pod.cpu_quota <= 0 or pod.cpu_period <= 0 or len(containers) < 2:
        return False
    whole = Fraction(pod.cpu_quota, pod.cpu_period)
    limits = [Fraction(one.quota, one.period) for one in containers if _has_quota(one)]
    return whole in limits and sum(limits) > whole


def is_guaranteed(pod: PodFacts | None, container: ContainerFacts) -> bool:
    """Tell whether a pod has the QoS class Guaranteed.

    The kubelet's cgroup tells it (`kubepods` without `burstable` or `besteffort`). The
    oom score is only asked where the cgroup does not say, as critical pods of any QoS
    class have the score of Guaranteed ones.

    Args:
        pod: The pod, if known.
        container: One of its containers.

    Returns:
        Whether it is Guaranteed.
    """
    tokens = _cgroup_tokens(pod)
    if "kubepods" in tokens:
        return tokens.isdisjoint(("burstable", "besteffort"))
    return container.oom_score_adj == GUARANTEED_OOM_SCORE


def _cores_list(pod: PodFacts | None, container: str) -> tuple[str, str] | None:
    """Find the annotation that names a container's cpus: its own one, or the one for all.

    Returns:
        The annotation and its text, or None if none does.
    """
    annotations = _NO_ANNOTATIONS if pod is None else pod.annotations
    own = annotation_for(CORES_ANNOTATION, container)
    annotation = own if own in annotations else CORES_ANNOTATION
    text = annotations.get(annotation)
    left_out = annotation == own and text is not None and text == NO_LIST
    return None if text is None or left_out else (annotation, text)


def _named_cpus(annotation: str, text: str, topology: Topology) -> CpuSet:
    try:
        cpus = CpuSet.parse(text)
    except CpuListError as error:
        raise InvalidCores(annotation, text, str(error)) from error
    if not cpus:
        raise InvalidCores(annotation, text, "the list is empty")
    if not cpus <= topology.online:
        raise CoresOffline(annotation, cpus - topology.online, topology.online)
    return cpus


def _whole_cpus_of_pod(
    pod: PodFacts | None, container: ContainerFacts, siblings: Sequence[ContainerFacts]
) -> tuple[Why, int]:
    """Tell how many whole cpus a container may call its own, or why none."""
    if not is_guaranteed(pod, container):
        return Why.NOT_GUARANTEED, 0
    if container.memory_limit <= 0:
        return Why.NO_MEMORY_LIMIT, 0
    if _has_quota(container):
        count, rest = divmod(container.quota, container.period)
    else:
        # Without quotas (kubelet cpuCFSQuota: false) the shares are all there is. They
        # prove nothing unless the cgroup says Guaranteed, and nothing where they saturate.
        if "kubepods" not in _cgroup_tokens(pod) or container.shares >= SHARES_MAX:
            return Why.NOT_WHOLE, 0
        count, rest = divmod(container.shares, SHARES_PER_CPU)
    if rest or count < 1:
        return Why.NOT_WHOLE, 0
    if container.shares != min(SHARES_MAX, count * SHARES_PER_CPU):
        return Why.REQUEST_DIFFERS, 0
    if has_pod_level_limit(pod, [container, *siblings]):
        return Why.POD_LEVEL, 0
    return Why.WHOLE_CPUS, count


def _has_quota(container: ContainerFacts) -> bool:
    return container.quota > 0 and container.period > 0


def _cgroup_tokens(pod: PodFacts | None) -> frozenset[str]:
    """Split a cgroup path into words.

    The forms are `/kubepods/burstable/pod1-2` (cgroupfs) and
    `kubelet-kubepods-burstable-pod1_2.slice` (systemd), each with or without a prefix.
    """
    return frozenset() if pod is None else frozenset(re.split(r"[/.-]", pod.cgroup_parent))
