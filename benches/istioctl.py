#!/usr/bin/env python3
"""Times `meshfix --check` against `istioctl analyze --use-kube=false` on the same repositories, and prints ratios.

usage: benches/istioctl.py [--rounds N] [--istioctl PROGRAM] [--least N] [FOLDER...]

Without folders it takes four of the repositories in $MESHFIX_SHARED/corpus/dev (default ../shared), and all of them at
once. istioctl is that of `tests/programs/install`, or any other. The two run in turn, so that a busy machine slows both
alike. With --least, a repository for which meshfix takes more than an N-th of istioctl's CPU time is a failure.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

import measure

REPOSITORIES = ["istio+istio", "argoproj+argo-cd", "GoogleCloudPlatform+bank-of-anthos", "FudanSELab+train-ticket", "."]


def peak(command):
    """The peak memory of a command in MB, as the system counts it for the command alone.

    It is asked for every half millisecond, which costs time; so this is a run of its own.
    """
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most = 0
    while process.poll() is None:
        try:
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            break
        # Until the program itself is there, the line is about this one.
        if pathlib.Path(command[0]).name[:15] == status.split(maxsplit=2)[1]:
            most = max([most] + [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")])
        time.sleep(0.0005)
    process.wait()
    return most / 1024


def size(folder):
    """Files that both read, and their bytes."""
    names = [os.path.join(at, name) for at, _, names in os.walk(folder) for name in names]
    names = [name for name in names if name.endswith((".yaml", ".yml", ".json"))]
    return len(names), sum(os.path.getsize(name) for name in names)


def find(given):
    """istioctl: the one that is named, the one in the cache of the tests' programs, or that of the PATH."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "meshfix-ci/programs"
    programs = pathlib.Path(os.environ.get("MESHFIX_PROGRAMS") or cache)
    found = given or shutil.which(programs / "istioctl") or shutil.which("istioctl")
    return found or sys.exit("istioctl is not there: `tests/programs/install istioctl` installs it")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--istioctl")
    parser.add_argument("--least", type=float, default=0)
    parser.add_argument("folders", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    istioctl = find(arguments.istioctl)
    corpus = pathlib.Path(os.environ.get("MESHFIX_SHARED", measure.ROOT.parent / "shared")) / "corpus/dev"
    folders = arguments.folders or [corpus / name for name in REPOSITORIES]
    meshfix, _ = measure.build(floors=False)
    print("| repository | istioctl ms | meshfix ms | as fast | the same in CPU time | istioctl MB | meshfix MB | memory |")
    print("|---|---|---|---|---|---|---|---|")
    for folder in folders:
        if not folder.is_dir():
            sys.exit(f"{folder} is not there")
        commands = [[istioctl, "analyze", "--use-kube=false", folder], [meshfix, "--check", folder]]
        # istioctl ends with 65 where it can't read a file, and with 79 where it finds errors.
        theirs, ours = measure.in_turn(commands, arguments.rounds, codes=(0, 1, 65, 79))
        memory = [statistics.median(peak(command) for _ in range(5)) for command in commands]
        files, length = size(folder)
        name = folder.resolve().name if folder != corpus else "all together"
        print(
            f"| {name}: {files} files, {length / 1e6:.1f} MB | {theirs[0] * 1000:.0f} | {ours[0] * 1000:.0f} "
            f"| {theirs[0] / ours[0]:.1f} times | {theirs[1] / ours[1]:.1f} times | {memory[0]:.0f} | {memory[1]:.0f} "
            f"| 1/{memory[0] / memory[1]:.1f} |",
            flush=True,
        )
        if theirs[1] < arguments.least * ours[1]:
            sys.exit(f"{name}: istioctl takes less than {arguments.least} times as much CPU time as meshfix")


if __name__ == "__main__":
    main()
