"""Settings: one table, three sources, errors of one line.

A setting has a dotted key (`cpus.reserved`), a type, limits and a default. Its value
comes from the defaults, then the file, then the environment, then the command line: the
later wins. Whatever the source, a value passes the same check, and a value that fails
it is a `SettingError` which names the key, the value and what is allowed.
"""

from weka_cpuset.settings.errors import (
    SettingError,
    SettingsError,
    UnknownSetting,
    UnreadableSettings,
)
from weka_cpuset.settings.load import load
from weka_cpuset.settings.table import TABLE, Setting
from weka_cpuset.settings.values import (
    AuditSettings,
    CpuSettings,
    HttpSettings,
    JournalSettings,
    KubernetesSettings,
    LogFormat,
    LogLevel,
    LogSettings,
    NriSettings,
    PlacementSettings,
    RecordSettings,
    Settings,
    SettleSettings,
    Way,
)

__all__ = [
    "TABLE",
    "AuditSettings",
    "CpuSettings",
    "HttpSettings",
    "JournalSettings",
    "KubernetesSettings",
    "LogFormat",
    "LogLevel",
    "LogSettings",
    "NriSettings",
    "PlacementSettings",
    "RecordSettings",
    "Setting",
    "SettingError",
    "Settings",
    "SettingsError",
    "SettleSettings",
    "UnknownSetting",
    "UnreadableSettings",
    "Way",
    "load",
]
