"""CPU seconds of the compiler for a wheel from source: in all, and source by source.

    python tools/compile_time.py [--jobs 2] [--top 20] [--cmake=-DNAME=VALUE ...]

Configures and builds the extension modules as pip would, in an empty folder and without ccache.
Seconds are of user and system time, so that a busy machine matters little; compare two states of
the sources on one machine, in turns.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAUNCH = "--launch"


def launch(log: str, command: list[str]) -> int:
    """Run one call of the compiler, and append its seconds and output file to the log."""
    process = subprocess.Popen(command)  # noqa: S603
    _, status, usage = os.wait4(process.pid, 0)
    output = command[command.index("-o") + 1] if "-o" in command else command[-1]
    with Path(log).open("a", encoding="utf-8") as file:
        file.write(f"{usage.ru_utime + usage.ru_stime:.3f}\t{output}\n")
    return os.waitstatus_to_exitcode(status)


def measure(folder: Path, jobs: int, cmake: list[str]) -> dict[str, float]:
    """Build in an empty folder: seconds by source, those of one source in its libraries apart."""
    import pybind11

    log = folder / "seconds.tsv"
    launcher = f"{sys.executable};{Path(__file__).resolve()};{LAUNCH};{log}"
    configure = [
        *("cmake", "-S", str(ROOT), "-B", str(folder / "build"), "-G", "Ninja"),
        *("-DCMAKE_BUILD_TYPE=Release", f"-DCMAKE_CXX_COMPILER_LAUNCHER={launcher}"),
        *(f"-DPython_EXECUTABLE={sys.executable}", f"-Dpybind11_DIR={pybind11.get_cmake_dir()}"),
        *cmake,
    ]
    subprocess.run(configure, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    build = ["cmake", "--build", str(folder / "build"), "--parallel", str(jobs)]
    subprocess.run(  # noqa: S603
        build, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "CCACHE_DISABLE": "1"}
    )
    seconds: dict[str, float] = defaultdict(float)
    for line in log.read_text(encoding="utf-8").splitlines():
        spent, output = line.split("\t")
        library, _, source = output.removeprefix("CMakeFiles/").partition(".dir/")
        name = source.removesuffix(".o").removeprefix("cpp/src/")
        seconds[f"{library.removeprefix('entroprod_')}: {name}"] += float(spent)
    return dict(seconds)


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2, help="compilers at a time (default 2)")
    parser.add_argument("--top", type=int, help="only so many sources, the longest")
    parser.add_argument("--cmake", action="append", default=[], help="a further option of cmake")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seconds = measure(Path(folder), options.jobs, options.cmake)
    print("| library: source | CPU seconds |\n|---|---|")
    print(f"| all {len(seconds)} | {sum(seconds.values()):.1f} |")
    longest = sorted(seconds.items(), key=lambda item: -item[1])
    for name, spent in longest[: options.top]:
        print(f"| {name} | {spent:.1f} |")


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] == LAUNCH:
        sys.exit(launch(sys.argv[2], sys.argv[3:]))
    main()
