"""``python -m tinycnn.tutorials [FOLDER]``: the tutorials to work with, as notebooks in a folder of one's own."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tinycnn.files import replacing

STUDENT = Path(__file__).with_name("student")


def main(argv: Sequence[str] | None = None) -> int:
    p = argparse.ArgumentParser(
        prog="python -m tinycnn.tutorials",
        description="Write the tutorials into a folder: notebooks without outputs and solutions, to be worked through.",
        epilog="Then: pip install 'tinycnn[tutorials]' jupyterlab, and jupyter lab FOLDER.",
    )
    p.add_argument("folder", nargs="?", type=Path, default=Path("tutorials"), help="(default: %(default)s)")
    folder: Path = p.parse_args(argv).folder
    notebooks = sorted(STUDENT.glob("*.ipynb"))
    there = [path.name for path in notebooks if (folder / path.name).exists()]
    if there:
        print(
            f"{p.prog}: expected a folder without the tutorials, found {', '.join(there)} in {folder}. "
            "Your work in them is kept: name another folder, or move them away.",
            file=sys.stderr,
        )
        return 1
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in notebooks:
            with replacing(folder / path.name) as temporary:
                temporary.write_bytes(path.read_bytes())
    except OSError as error:
        print(f"{p.prog}: expected a folder to write into, received {folder} ({error}).", file=sys.stderr)
        return 1
    print(f"{len(notebooks)} notebooks are in {folder}. Open them with jupyter lab {folder}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
