"""The agent as a process that is to tell Kubernetes, where there is no cluster."""

from pathlib import Path

import pytest

from tests.integration.test_daemon import accept, agent, log_of, root, stop
from tests.small_runtime import Pod

__all__ = ["root"]


@pytest.mark.asyncio
async def test_agent_without_credentials_says_so_and_works(
    root: Path,  # the fixture that is imported
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The setting alone does no harm: such as on a host that is not in the cluster yet."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    config = root / "config.yaml"
    config.write_text("kubernetes: {events: true}\n")
    async with agent(root, "--config", str(config)) as process:
        node = await accept(root)
        await node.create(Pod("integer", 2000))
        assert 2 == len(node.cpusets["integer"])
        assert 0 == await stop(process)
    said = [one for one in log_of(root) if "Kubernetes" in str(one["message"])]
    assert ["No Kubernetes Events: the agent does not run in a pod of a cluster"] == [
        one["message"] for one in said
    ]
    assert ["INFO"] == [str(one["level"]).upper() for one in said]
