"""The first module that the self-contained executable imports."""

import sys
from collections.abc import Sequence
from importlib.machinery import BuiltinImporter, ModuleSpec
from types import ModuleType


class LinkedExtensions:
    """Finds extension modules inside of packages, which are linked into the executable.

    CPython's own finder of built-in modules (up to 3.11) looks for top-level modules only.
    """

    @staticmethod
    def find_spec(
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,  # noqa: ARG004  # the import system gives it
    ) -> ModuleSpec | None:
        """Return how to load a linked module, or None if it is not one."""
        if path is not None and name in sys.builtin_module_names:
            return ModuleSpec(name, BuiltinImporter(), origin="built-in")
        return None


sys.meta_path.insert(0, LinkedExtensions)

from weka_cpuset.cli import main  # noqa: E402  # needs the finder above

main()
