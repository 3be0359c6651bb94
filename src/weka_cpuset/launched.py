"""What is different for an agent that the runtime launches as its plugin.

Some runtimes (containerd 1.7) end if a plugin that they launch does not start, and no pod is
created on the node then. So such an agent starts in any case: with the defaults where its
settings cannot be used. It has no output, so the system log is told.
"""

import os
import syslog
from collections.abc import Mapping


def is_launched(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether the runtime has launched this process.

    Args:
        environment: The process's environment.
    """
    return bool(environment.get("NRI_PLUGIN_SOCKET"))


def complain(error: Exception) -> None:
    """Tell the system log that the settings are not in force.

    Args:
        error: What is wrong with them.
    """
    syslog.openlog("weka-cpuset", syslog.LOG_PID, syslog.LOG_DAEMON)
    syslog.syslog(syslog.LOG_ERR, f"ERROR: The settings are not in force, defaults are: {error}")
