"""Generates the message classes of `nri` and `nodestress`, and their type stubs, from .proto files.

Run `python tools/generate_messages.py` after a change of a .proto file, or with `--check`
to find out whether the committed files are what protoc makes of them now.
"""

import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src"
PROTOS = ("nri/nri.proto", "nri/ttrpc.proto", "nodestress/cri.proto")


class GenerationError(Exception):
    """protoc refused a .proto file; it wrote the reason to stderr."""


def generate() -> dict[str, str]:
    """Runs protoc on the .proto files.

    Returns:
        The generated files: path below src -> text.

    Raises:
        GenerationError: protoc refused a .proto file.
    """
    from grpc_tools import protoc  # heavy, and only this needs it

    with tempfile.TemporaryDirectory() as target:
        arguments = [f"--proto_path={SOURCE}", f"--python_out={target}", f"--pyi_out={target}"]
        if protoc.main(["protoc", *arguments, *PROTOS]) != 0:
            raise GenerationError
        files = sorted(path for path in Path(target).rglob("*") if path.is_file())
        return {str(path.relative_to(target)): typed(path.read_text()) for path in files}


def typed(text: str) -> str:
    """Gives the bare Mapping in the constructors its arguments, which mypy --strict wants."""
    return text.replace(", _Mapping]", ", _Mapping[str, object]]")


def stale() -> list[str]:
    """Compares the committed files with a fresh generation.

    Returns:
        The paths below src which are missing or differ; empty if all is well.
    """
    return [name for name, text in generate().items() if committed(name) != text]


def committed(name: str) -> str | None:
    """Reads one generated file as it lies in the source tree, or None if there is none."""
    path = SOURCE / name
    return path.read_text() if path.is_file() else None


def main(arguments: list[str]) -> int:
    """Writes the generated files into the source tree, or with --check only compares them."""
    if arguments == ["--check"]:
        different = stale()
        for name in different:
            sys.stderr.write(f"src/{name} is not what protoc makes of the .proto file\n")
        return 1 if different else 0
    for name, text in generate().items():
        (SOURCE / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
