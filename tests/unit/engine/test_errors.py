"""Errors: each says what is wrong, where, and what would be right."""

import pytest

from weka_cpuset.engine import (
    AnnotationIgnored,
    CoresOffline,
    CpuSet,
    CpusStillInUse,
    DuplicateContainer,
    EmptySharedPool,
    EngineError,
    InvalidCores,
    LedgerBroken,
    NoMovePlan,
    NotEnoughCores,
    NotEnoughCpus,
    Notice,
    NotWholeCores,
    PoolWouldRunDry,
    Refusal,
    SpansLlcs,
    SpansNodes,
    Starved,
    Unplaced,
)

ONE, TWO = CpuSet.of([1]), CpuSet.of([2, 3])
NONE = CpuSet.EMPTY


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InvalidCores("a/b", "x" * 200, "bad"), ["a/b", "bad", "200 characters"]),
        (CoresOffline("a/b", ONE, TWO), ["a/b", "1", "2-3"]),
        (
            NotEnoughCpus(4, 4, TWO, ONE, NONE),
            ["asks for 4 cpus of its own, and 2 cpus are free: 2-3", "reserved: 1"],
        ),
        (
            NotEnoughCpus(1, 1, NONE, NONE, ONE),
            ["asks for 1 cpu of its own, and none is free", "forbidden to the pod: 1"],
        ),
        (
            NotEnoughCpus(4, 2, ONE, NONE, NONE),
            ["4 cpus of its own, 2 more than it has, and 1 cpu is free: 1;"],
        ),
        (NotWholeCores(3, (2,), (2, 4)), ["3 cpus", "has 2 cpus", "ask for 2 or 4"]),
        (NotWholeCores(1, (2, 4), (2,)), ["1 cpu ", "has 2 or 4 cpus", "ask for 2"]),
        (NotEnoughCores(4, TWO, ONE | TWO), ["4 cpus", "2-3 of the free cpus 1-3"]),
        (NotEnoughCores(4, NONE, ONE), ["4 cpus", "wholly free are none"]),
        (SpansNodes(4, 3, 8), ["4 cpus on one node", "at most 3", "8 on the largest"]),
        (SpansLlcs(4, 1, 3), ["4 cpus", "one LLC group", "at most 3"]),
        (SpansLlcs(9, 2, 7), ["9 cpus", "2 LLC groups", "at most 7"]),
        (NoMovePlan(ONE, ("c1", "c2"), TWO), ["cpus 1", "c1, c2", "2 cpus are free: 2-3"]),
        (NoMovePlan(ONE, ("c1",), TWO, ("a/b/c",), ("a/b/c",)), ["owned by a/b/c", "end a/b/c"]),
        (PoolWouldRunDry(("c1",), 0, TWO), ["2-3", "c1"]),
        (PoolWouldRunDry(("c1",), 0, TWO, ("a/b/c",)), ["2-3", "a/b/c"]),
        (PoolWouldRunDry((), 2, TWO), ["2-3", "below 2 cpus", "cpus.min_shared"]),
        (EmptySharedPool(NONE, NONE), ["release"]),
        (EmptySharedPool(TWO, TWO), ["forbids 2-3"]),
        (CpusStillInUse(ONE), ["cpus 1", "try again"]),
    ],
)
def test_refusals(error: Refusal, words: list[str]) -> None:
    """A refusal's text is made of its fields, and equal fields make equal refusals."""
    assert all(word in str(error) for word in words)
    assert isinstance(error, EngineError)
    assert error == type(error)(*error.args)


def test_only_what_more_cpus_would_cure_makes_the_agent_look_for_dead_holders() -> None:
    """A wrong annotation stays wrong, however many cpus become free."""
    hopeless = {one for one in Refusal.__subclasses__() if not one.more_cpus_help}
    assert hopeless == {InvalidCores, CoresOffline, NotWholeCores}


@pytest.mark.parametrize(
    ("notice", "words"),
    [
        (AnnotationIgnored("a/b", "x", "bad"), ["a/b", "'x'", "bad", "ignored"]),
        (Unplaced("c1", CpusStillInUse(ONE)), ["c1", "cpus 1"]),
        (Starved("c1"), ["c1"]),
        (DuplicateContainer("c1"), ["c1", "more than once"]),
    ],
)
def test_notices(notice: Notice, words: list[str]) -> None:
    """A notice says which container or annotation it is about."""
    assert all(word in str(notice) for word in words)


def test_ledger_broken_lists_all() -> None:
    """All violations are in the text."""
    assert str(LedgerBroken(("one", "two"))).endswith("one; two")
