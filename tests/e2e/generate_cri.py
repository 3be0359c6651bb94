"""Generates `cri_pb2.py` and its type stub from `cri.proto`.

Run `python -m tests.e2e.generate_cri` after a change of the .proto file; the test
`test_generated.py` compares the committed files with a fresh generation.
"""

import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
PROTO = "cri.proto"


class GenerationError(Exception):
    """protoc refused the .proto file; it wrote the reason to stderr."""


def generate() -> dict[str, str]:
    """Runs protoc.

    Returns:
        The generated files: name -> text.

    Raises:
        GenerationError: protoc refused the .proto file.
    """
    from grpc_tools import protoc  # type: ignore[import-untyped]  # heavy; only generation needs it

    with tempfile.TemporaryDirectory() as target:
        arguments = [f"--proto_path={FOLDER}", f"--python_out={target}", f"--pyi_out={target}"]
        if protoc.main(["protoc", *arguments, PROTO]) != 0:
            raise GenerationError
        return {path.name: _typed(path.read_text()) for path in Path(target).iterdir()}


def _typed(text: str) -> str:
    """Gives the bare Mapping in the constructors its arguments, which mypy --strict wants."""
    return text.replace(", _Mapping]", ", _Mapping[str, object]]")


def main() -> int:
    """Writes the generated files beside the .proto file."""
    for name, text in generate().items():
        (FOLDER / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
