"""Packs the Helm chart as `helm package` does; the same files give the same bytes."""

import gzip
import io
import tarfile
from pathlib import Path
from typing import Final

from tools.release.sources import ROOT

CHART: Final = ROOT / "deploy" / "helm" / "weka-nri-cpuset"


def pack(target: Path) -> None:
    """Write the chart's package.

    Args:
        target: The file to write, `NAME-VERSION.tgz`.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(CHART.rglob("*")):
            if path.is_file():
                entry = tarfile.TarInfo(f"{CHART.name}/{path.relative_to(CHART)}")
                entry.size = path.stat().st_size
                with path.open("rb") as stream:
                    archive.addfile(entry, stream)
    target.write_bytes(gzip.compress(packed.getvalue(), mtime=0))
