#!/usr/bin/env python3
"""Times meshfix against the least that a tool like it must do, and prints ratios.

usage: benches/measure.py [--rounds N] [--megabytes N]

Needs cargo, and real manifests in $MESHFIX_SHARED/corpus/dev (default ../shared). The commands of one row are run in turn,
so that a busy machine slows all of them alike. Every number comes from this one run.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()

STREAM = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: apple-{n}
spec:
  selector:
    matchLabels: {{app: apple-{n}}}
  template:
    metadata:
      labels: {{app: apple-{n}, version: v1}}
    spec:
      hostNetwork: true
      dnsPolicy: ClusterFirstWithHostNet
      containers:
        - name: apple
          image: registry.orchard.example/apple:1
          ports:
            - containerPort: 8080
---
"""


def build(floors=True):
    """The binaries: meshfix, and the floors."""
    environment = dict(os.environ, CARGO_TARGET_DIR=str(TARGET))
    cargo = ["cargo", "build", "--release", "--locked", "--quiet", "--manifest-path"]
    subprocess.run([*cargo, ROOT / "Cargo.toml"], check=True, env=environment)
    if floors:
        floor = dict(environment, CARGO_TARGET_DIR=str(TARGET / "floor"))
        subprocess.run([*cargo, ROOT / "benches/floor/Cargo.toml"], check=True, env=floor)
    return TARGET / "release/meshfix", TARGET / "floor/release/meshfix-floor"


def run(command, stdin=None, codes=(0, 1)):
    """Seconds of the wall clock, seconds of the processor, and peak memory in MB of one command.

    The system counts this program's own memory (some 20 MB) as the least peak that a command can have.
    """
    source = open(stdin, "rb") if stdin else subprocess.DEVNULL
    start = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command], stdin=source, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if stdin:
        source.close()
    if process.returncode not in codes:
        sys.exit(f"{command} ended with {process.returncode}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def in_turn(commands, rounds, stdin=None, codes=(0, 1)):
    """For each command the medians of its runs; one round to warm up is left out."""
    runs = [[] for _ in commands]
    for number in range(rounds + 1):
        for command, have in zip(commands, runs):
            result = run(command, stdin, codes)
            if number:
                have.append(result)
    return [[statistics.median(column) for column in zip(*have)] for have in runs]


def copies(corpus, folder, megabytes):
    """Fills `folder` with copies of `corpus`, each in a folder of its own."""
    size = sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(corpus) for name in names)
    for number in range(max(1, -(-megabytes * 1_000_000 // size))):
        # meshfix changes nothing that is read-only, so the copies are not.
        copy = folder / f"copy-{number}"
        shutil.copytree(corpus, copy, copy_function=shutil.copyfile)
        for at, _, _ in os.walk(copy):
            os.chmod(at, 0o755)


def trees(meshfix, floor, name, folder, rounds):
    """The rows of one tree. Gives its bytes and the time on one thread."""
    printed = subprocess.run([floor, "events", folder], capture_output=True, text=True, check=True).stdout
    files, size = int(printed.split()[0]), int(printed.split()[2])
    one = None
    for threads in (1, 2):
        commands = [
            [floor, "read", "--threads", threads, folder],
            [floor, "events", "--threads", threads, folder],
            [meshfix, "--check", "--threads", threads, folder],
        ]
        read, events, check = in_turn(commands, rounds)
        one = one or check[0]
        bound = 32 + 5 * size / 1_048_576
        print(
            f"| {name}: {files} files, {size / 1e6:.0f} MB | {threads} | {read[0] * 1000:.0f} | {events[0] * 1000:.0f} "
            f"| {check[0] * 1000:.0f} | {check[0] / read[0]:.2f} | {check[0] / events[0]:.2f} | {check[1] / events[1]:.2f} "
            f"| {one / check[0]:.2f} | {check[2]:.0f} of {bound:.0f} |",
            flush=True,
        )
    return size, one


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--megabytes", type=int, default=300)
    arguments = parser.parse_args()
    corpus = pathlib.Path(os.environ.get("MESHFIX_SHARED", ROOT.parent / "shared")) / "corpus/dev"
    if not corpus.is_dir():
        sys.exit(f"{corpus} is not there: set MESHFIX_SHARED")
    meshfix, floor = build()
    with tempfile.TemporaryDirectory() as temporary:
        temporary = pathlib.Path(temporary)
        copies(corpus, temporary / "small", 0)
        copies(corpus, temporary / "large", arguments.megabytes)
        print("| tree | threads | read ms | events ms | check ms | check / read | check / events | the same in CPU time | speed-up | peak MB |")
        print("|---|---|---|---|---|---|---|---|---|---|")
        small = trees(meshfix, floor, "corpus", temporary / "small", arguments.rounds)
        large = trees(meshfix, floor, "copies", temporary / "large", max(3, arguments.rounds // 2))
        growth = (large[1] / small[1]) / (large[0] / small[0])
        print(f"\ntime for each byte, large tree against small: {growth:.2f}")
        stream = temporary / "stream.yaml"
        stream.write_text("".join(STREAM.format(n=number) for number in range(6)))
        nothing, filtered = in_turn([["/bin/true"], [meshfix, "--unsafe", "-"]], arguments.rounds * 20, stream)
        print(
            f"`meshfix --unsafe -` on {stream.stat().st_size} bytes: {filtered[0] * 1000:.2f} ms, "
            f"/bin/true: {nothing[0] * 1000:.2f} ms, difference {(filtered[0] - nothing[0]) * 1000:.2f} ms"
        )


if __name__ == "__main__":
    main()
