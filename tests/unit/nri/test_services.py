"""The table of methods is that of the NRI 0.12 api."""

from nri.messages import Event
from nri.services import (
    DEDICATED,
    PLUGIN_METHODS,
    PLUGIN_SERVICE,
    RUNTIME_METHODS,
    RUNTIME_SERVICE,
    STATE_CHANGE,
    Side,
    methods_of,
)

OF_PLUGIN = {
    "Configure": "ConfigureRequest ConfigureResponse",
    "Synchronize": "SynchronizeRequest SynchronizeResponse",
    "Shutdown": "Empty Empty",
    "CreateContainer": "CreateContainerRequest CreateContainerResponse",
    "UpdateContainer": "UpdateContainerRequest UpdateContainerResponse",
    "StopContainer": "StopContainerRequest StopContainerResponse",
    "UpdatePodSandbox": "UpdatePodSandboxRequest UpdatePodSandboxResponse",
    "StateChange": "StateChangeEvent Empty",
    "ValidateContainerAdjustment": (
        "ValidateContainerAdjustmentRequest ValidateContainerAdjustmentResponse"
    ),
    "RunPodSandbox": "RunPodSandboxRequest RunPodSandboxResponse",
    "StopPodSandbox": "StopPodSandboxRequest StopPodSandboxResponse",
    "RemovePodSandbox": "RemovePodSandboxRequest RemovePodSandboxResponse",
    "PostUpdatePodSandbox": "PostUpdatePodSandboxRequest PostUpdatePodSandboxResponse",
    "PostCreateContainer": "PostCreateContainerRequest PostCreateContainerResponse",
    "StartContainer": "StartContainerRequest StartContainerResponse",
    "PostStartContainer": "PostStartContainerRequest PostStartContainerResponse",
    "PostUpdateContainer": "PostUpdateContainerRequest PostUpdateContainerResponse",
    "RemoveContainer": "RemoveContainerRequest RemoveContainerResponse",
}
OF_RUNTIME = {
    "RegisterPlugin": "RegisterPluginRequest Empty",
    "UpdateContainers": "UpdateContainersRequest UpdateContainersResponse",
}


def table(side: Side) -> dict[str, str]:
    """Returns the methods of a side with the names of their messages."""
    return {
        method.name: f"{method.request.DESCRIPTOR.name} {method.response.DESCRIPTOR.name}"
        for method in methods_of(side)
    }


def test_the_plugin_serves_the_methods_of_the_api() -> None:
    """Each with its messages."""
    assert table(Side.PLUGIN) == OF_PLUGIN
    assert {method.service for method in PLUGIN_METHODS} == {"nri.pkg.api.v1alpha1.Plugin"}


def test_the_runtime_serves_the_methods_of_the_api() -> None:
    """Each with its messages."""
    assert table(Side.RUNTIME) == OF_RUNTIME
    assert {method.service for method in RUNTIME_METHODS} == {"nri.pkg.api.v1alpha1.Runtime"}


def test_the_messages_belong_to_the_api_of_the_services() -> None:
    """Services and messages have one common prefix."""
    package = STATE_CHANGE.request.DESCRIPTOR.file.package
    assert f"{package}.Plugin" == PLUGIN_SERVICE
    assert f"{package}.Runtime" == RUNTIME_SERVICE


def test_every_event_has_one_method() -> None:
    """The name of the method is that of its event in another spelling."""
    by_event = {method.event: method.name for method in PLUGIN_METHODS if method.event}
    assert set(by_event) == set(Event)
    for event, name in by_event.items():
        assert name == event.name.title().replace("_", "")


def test_the_dedicated_methods_are_those_of_the_events_that_inform() -> None:
    """All other events ask for an answer, so StateChange cannot bring them."""
    asking = {
        Event.CREATE_CONTAINER,
        Event.UPDATE_CONTAINER,
        Event.STOP_CONTAINER,
        Event.UPDATE_POD_SANDBOX,
        Event.VALIDATE_CONTAINER_ADJUSTMENT,
    }
    assert set(DEDICATED) == set(Event) - asking
    assert all(method.event is event for event, method in DEDICATED.items())


def test_only_questions_may_be_refused() -> None:
    """An error to an event that informs would hide it from other plugins."""
    refusing = {m.name for side in Side for m in methods_of(side) if m.may_refuse}
    assert refusing == {
        "Configure",
        "CreateContainer",
        "UpdateContainer",
        "RegisterPlugin",
        "UpdateContainers",
    }


def test_a_method_is_shown_by_its_name() -> None:
    """Logs say StateChange."""
    assert str(STATE_CHANGE) == "StateChange"
