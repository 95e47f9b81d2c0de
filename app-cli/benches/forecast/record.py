#!/usr/bin/env python3
"""Records how long real programs take, and checks that files that hang are found.

Usage: record.py BINARY FOLDER [FILES]

Makes FILES (260; at least 20) different files of 2 kB to 12 MB, and runs six programs on each of them with `autoproc run -j1`, each program in a project of its own.
Writes the sizes and durations from the event logs to FOLDER/trace.csv, for the benchmark `forecast` of the domain. Then runs `gzip -9` on the files
again, with ten files among them whose command hangs, and prints when `autoproc status` marked each of them as slow, and how many others it marked.

The files are made anew each time, from a fixed seed: lines of a log, records of JSON, and bytes that cannot be compressed.
"""

import json
import math
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

PROGRAMS = {
    "gzip": "gzip -9 -c {} > /dev/null",
    "xz": "xz -6 -c {} > /dev/null",
    "zstd": "zstd -q -15 -c {} > /dev/null",
    "sha256sum": "sha256sum {}",
    "file": "file {}",
    "strings": "strings {} | wc -l",
}
PLANTED = 10
LEAST, MOST = 2_000, 12_000_000


def content(generator, size):
    kind = generator.choice(["log", "json", "bytes"])
    if kind == "bytes":
        return generator.randbytes(size)
    words = ["timeout", "accepted", "user", "page", "of", "session", "closed", "after", "retry", "scan"]
    line = lambda: " ".join(generator.choices(words, k=8)) + f" {generator.randrange(10**6)}\n"
    record = lambda: json.dumps({"id": generator.randrange(10**9), "state": generator.choice(words), "ratio": generator.random()}) + "\n"
    make = line if kind == "log" else record
    # Larger files repeat a part, as logs do.
    part = "".join(make() for _ in range(min(4000, size // 40 + 1))).encode()
    return (part * (size // len(part) + 1))[:size]


def make_files(folder, files):
    generator = random.Random(7)
    for number in range(files):
        size = round(math.exp(generator.uniform(math.log(LEAST), math.log(MOST))))
        file = folder / f"{number:03}.dat"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content(generator, size))


def samples(project):
    """Returns the sizes and durations of the completed attempts of a project, in order."""
    sizes, found = {}, []
    for line in (project / "logs/autonomous-processing.jsonl").read_text().splitlines():
        event = json.loads(line)
        attempt = (event.get("item_id"), event.get("claim"))
        if event["event"] == "file_started":
            sizes[attempt] = event["size_bytes"]
        elif event["event"] == "file_completed":
            found.append((sizes[attempt], event["duration_s"]))
    return found


def record(binary, folder, inputs):
    with (folder / "trace.csv").open("w") as trace:
        trace.write("group,order,input_bytes,seconds\n")
        for name, command in PROGRAMS.items():
            project = folder / name
            project.mkdir()
            subprocess.run([binary, "--project-dir", project, "run", "-j1", "--quiet", inputs, "--shell", command], check=True)
            for order, (size, seconds) in enumerate(samples(project)):
                trace.write(f"{name},{order},{size},{seconds}\n")
            print(f"{name}: {len(samples(project))} files")


def plant(binary, folder, inputs):
    project = folder / "planted"
    project.mkdir()
    files = sorted(inputs.iterdir())
    hanging = files[len(files) // PLANTED - 1 :: len(files) // PLANTED][:PLANTED]
    for file in hanging:
        file.rename(file.with_suffix(".hangs"))
    command = "case {/} in *.hangs) sleep 3600 ;; *) gzip -9 -c {} > /dev/null ;; esac"
    run = subprocess.Popen([binary, "--project-dir", project, "run", f"-j{PLANTED + 2}", "--quiet", "--timeout", "2h", inputs, "--shell", command])
    begun, found, wrong = {}, {}, set()
    try:
        watch(binary, project, run, files, begun, found, wrong)
    finally:
        subprocess.run([binary, "--project-dir", project, "stop", "--now"], capture_output=True)
        run.wait()
    times = ", ".join(f"{seconds:.1f}" for seconds in sorted(found.values()))
    print(f"{len(found)} of {PLANTED} planted files marked as slow, after {times} s; of the others: {len(wrong)}")
    if len(found) < PLANTED:
        sys.exit("error: not all planted files were marked")


def watch(binary, project, run, files, begun, found, wrong):
    """Notes which files `status` marks as slow, until all planted ones are marked and all others are completed."""
    deadline = time.monotonic() + 300
    while run.poll() is None and time.monotonic() < deadline:
        status = json.loads(subprocess.run([binary, "--project-dir", project, "status", "--json"], capture_output=True, check=True).stdout)
        for item in status["processing"]:
            name = Path(item["file_path"]).name
            begun.setdefault(name, time.monotonic())
            if item["slow"] and name.endswith(".hangs"):
                found.setdefault(name, time.monotonic() - begun[name])
            elif item["slow"]:
                wrong.add(name)
        if len(found) == PLANTED and status["counts"]["completed"] == len(files) - PLANTED:
            break
        time.sleep(0.2)


def main(binary, folder, files="260"):
    binary, folder = Path(binary).resolve(), Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for name in ["in", "planted", *PROGRAMS]:
        shutil.rmtree(folder / name, ignore_errors=True)
    make_files(folder / "in", int(files))
    record(binary, folder, folder / "in")
    plant(binary, folder, folder / "in")


main(*sys.argv[1:])
