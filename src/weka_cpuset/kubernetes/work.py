"""What tells Kubernetes of an agent's refusals and moves, put together."""

import importlib
import logging
import socket
from collections.abc import Mapping
from pathlib import Path

from weka_cpuset.daemon import Agent
from weka_cpuset.decided import Decided
from weka_cpuset.kubernetes.account import FOLDER, Account, NoAccount
from weka_cpuset.kubernetes.backlog import Backlog
from weka_cpuset.logs import Fields

log = logging.getLogger(__name__)


class Telling:
    """Tells of an agent's refusals and moves, from the moment it is made.

    Args:
        agent: The agent.
        account: Its rights in the cluster.

    Attributes:
        backlog: What waits to be told; and what became of the rest.
    """

    def __init__(self, agent: Agent, account: Account) -> None:
        self.backlog = Backlog(agent.host.now_s)
        self._agent = agent
        self._account = account
        before, backlog = agent.keeper.on_decided, self.backlog

        def decided(decided: Decided) -> None:
            before(decided)
            backlog.decided(decided)

        agent.keeper.on_decided = decided

    async def run(self) -> None:
        """Post what waits, until cancelled."""
        host, account = self._agent.host, self._account
        # Imported beside the event loop, as the runtime waits for the agent to start.
        await host.offload(lambda: importlib.import_module("weka_cpuset.kubernetes.poster"))
        from weka_cpuset.kubernetes.api import ApiServer
        from weka_cpuset.kubernetes.poster import Poster

        server = ApiServer(account, host.offload)
        name = socket.gethostname()  # in a pod, the pod's name
        log.info("Telling Kubernetes %s", Fields({"server": f"{account.host}:{account.port}"}))
        await Poster(self.backlog, server, name, host.now_s, host.draw).run()


def telling_of(
    agent: Agent, environment: Mapping[str, str], folder: Path = FOLDER
) -> Telling | None:
    """Have an agent tell Kubernetes of its refusals and moves, if it can.

    Args:
        agent: The agent.
        environment: The process's environment.
        folder: Where the files of the agent's service account are.

    Returns:
        What tells it; None: it cannot, and has said why.
    """
    if agent.dry_run:
        log.info("No Kubernetes Events: in a dry run nothing is done to pods")
        return None
    try:
        account = Account.found(environment, folder)
    except NoAccount as error:
        log.info("No Kubernetes Events: %s", error)
        return None
    return Telling(agent, account)
