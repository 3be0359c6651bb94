"""The messages, the events and their mask."""

import pytest
from google.protobuf.message import Message

from nri import messages, nri_pb2
from nri.messages import (
    VALID_MASK,
    VALID_MASK_OLD,
    ContainerAdjustment,
    ContainerUpdate,
    Event,
    cpu_adjustment,
    cpu_update,
    mask_of,
)


def test_the_events_are_those_of_the_schema() -> None:
    """Same names, same numbers; UNKNOWN and LAST are no events."""
    schema = dict(nri_pb2.Event.items())
    assert schema.pop("UNKNOWN") == 0
    assert schema.pop("LAST") == len(Event) + 1
    assert {event.name: event.value for event in Event} == schema


def test_each_event_has_its_bit() -> None:
    """Bit `event - 1` stands for an event."""
    assert mask_of([Event.RUN_POD_SANDBOX]) == 0b1
    assert mask_of([Event.CREATE_CONTAINER, Event.STOP_CONTAINER]) == 0b10_0000_1000
    assert mask_of([Event.STOP_CONTAINER] * 2) == mask_of([Event.STOP_CONTAINER])
    assert mask_of([]) == 0


def test_the_valid_masks_cover_what_runtimes_know() -> None:
    """Runtimes before NRI 0.10 know 11 events, later ones 14."""
    assert mask_of(event for event in Event if event <= Event.REMOVE_CONTAINER) == VALID_MASK_OLD
    assert mask_of(Event) == VALID_MASK


def test_a_cpu_update_has_the_computed_bytes() -> None:
    """Container "abc" on CPUs 0-1; a failure of it is to be ignored."""
    data = bytes.fromhex("0a03616263 12090a0712053203302d31 1801")
    assert cpu_update("abc", "0-1").SerializeToString() == data
    assert ContainerUpdate.FromString(data) == cpu_update("abc", "0-1")


def test_a_cpu_update_can_bind_memory() -> None:
    """Exactly cpus and mems are set, since a runtime applies all that is set."""
    cpu = cpu_update("abc", "2,4", "1").linux.resources.cpu
    assert {field.name: value for field, value in cpu.ListFields()} == {"cpus": "2,4", "mems": "1"}


def test_a_cpu_adjustment_sets_nothing_else() -> None:
    """Neither memory nor devices nor anything but the CPUs, and mems if given."""
    data = bytes.fromhex("3203302d31")
    for part in (0x0A, 0x12):  # cpu within resources, resources within linux
        data = bytes([part, len(data)]) + data
    adjustment = cpu_adjustment("0-1")
    assert adjustment.linux.resources.cpu.SerializeToString() == bytes.fromhex("3203302d31")
    assert [field.name for field, _ in adjustment.ListFields()] == ["linux"]
    assert [field.name for field, _ in adjustment.linux.ListFields()] == ["resources"]
    assert [field.name for field, _ in adjustment.linux.resources.ListFields()] == ["cpu"]
    again = ContainerAdjustment.FromString(cpu_adjustment("0-1", "1").SerializeToString())
    assert again.linux.resources.cpu.mems == "1"


@pytest.mark.parametrize("name", messages.__all__)
def test_every_exported_message_is_the_one_of_the_schema(name: str) -> None:
    """A short name stands for the generated class, or for what this module defines."""
    exported = getattr(messages, name)
    if isinstance(exported, type) and issubclass(exported, Message):
        assert exported is getattr(nri_pb2, name)
    else:
        assert name in {
            "ContainerState",
            "Event",
            "VALID_MASK",
            "VALID_MASK_OLD",
            "cpu_adjustment",
            "cpu_update",
            "mask_of",
        }
