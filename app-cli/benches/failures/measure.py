#!/usr/bin/env python3
"""Measures how well `autoproc failures` groups real failures of real programs.

Usage: measure.py BINARY FOLDER [KIND...]

Makes 20 different files for each kind of kinds.py and fresh.py in FOLDER, and runs the kind's command on them with `autoproc run --retries 0`, each
kind in a project of its own. A kind that has a project there already is not run again. Reads the groups from `autoproc failures --json`, and prints how well they agree with the
kinds. FOLDER/failures.tsv then has the path and the first line of the error of each failure, for the benchmark `signature` of the domain.

Every third kind of kinds.py by name is held out, and the kinds of fresh.py are fresh: their figures count, and rules of signatures are not changed because
of them. Kinds whose program is not installed are left out. Debian's packages for all of them: bzip2 curl default-jdk ffmpeg gawk gcc git gzip imagemagick-6.q16 jq libxml2-utils lua5.4 make nodejs
openssh-client openssl patch perl php-cli poppler-utils qpdf rustc ruby sqlite3 tesseract-ocr unzip wget xsltproc xz-utils zstd 7zip. For the fresh ones: bison cmake flac gfortran
gettext ghostscript gnupg gnuplot-nox golang-go graphviz libimage-exiftool-perl librsvg2-bin lz4 nasm ocaml-nox pandoc postgresql-client protobuf-compiler
rsync shellcheck sox tcl tidy yamllint; black, csvkit, mypy and ruff from PyPI; prettier and sass from npm.
"""

import http.server
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

sys.dont_write_bytecode = True
from fresh import FRESH  # noqa: E402
from kinds import KINDS, identifier  # noqa: E402

FILES = 20
STEMS = ["report-2025-11-{n:02}", "scan {n} (copy)", "IMG_202511{n:02}_1015{n:02}", "invoice{n}", "übung-{n}", "a b c {n}", "20{n}", "error", "{uuid}", "v{n}.final"]
FOLDERS = ["2025/{n:02}", "sub dir", "batch-{n}", "incoming/x{n}y", "archive"]


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers with the status that the path names; `/sleep` takes longer than a client waits."""

    def do_GET(self):
        word = self.path[1:].split("?")[0]
        if word == "sleep":
            time.sleep(1)
            return  # The client has closed the connection.
        self.send_error(int(word) if word.isdigit() else 400)

    def log_message(self, *_):
        pass


def web_server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def make_files(kind, folder):
    for number in range(FILES):
        generator = random.Random(f"{kind.name} {number}")
        words = {"n": number + 1, "uuid": identifier(generator)}
        stem, below = STEMS[number % len(STEMS)].format(**words), FOLDERS[number % len(FOLDERS)].format(**words)
        file = folder / below / f"{stem}{kind.extension if number != 7 else kind.extension.upper()}"
        if file.exists():
            file = file.with_name(f"{stem}-{number}{kind.extension}")
        file.parent.mkdir(parents=True, exist_ok=True)
        content = kind.content(generator)
        file.write_bytes(content.encode() if isinstance(content, str) else content)


def run(binary, kind, project, port):
    """Makes the files of a kind, and processes them."""
    make_files(kind, project / "in")
    (project / "out").mkdir()
    script = project / ("Read.java" if kind.program == "java" else "script")
    script.write_text(kind.script)
    nobody = "setpriv --reuid 65534 --clear-groups" if os.getuid() == 0 else ""
    command = kind.command.replace("{script}", str(script)).replace("{port}", str(port)).replace("{as_nobody}", nobody)
    words = ["--retries", "0", "--pause-on-same", "0", "--timeout", kind.timeout, "-j", "2", "--quiet", str(project / "in"), "--shell", command]
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "GIT_CEILING_DIRECTORIES": str(project.parent)}
    subprocess.run([binary, "--project-dir", str(project), "run", *words], env=environment, cwd=project, capture_output=True)


def results(binary, project):
    """Returns the groups of the failures in a project, and each failure as a path and an error."""
    ask = lambda *words: json.loads(subprocess.run([binary, "--project-dir", str(project), *words, "--json"], capture_output=True, check=True).stdout)
    items = ask("queue", "list", "--status", "failed,timeout")["items"]
    return ask("failures")["groups"], [(item["file_path"], item["last_error"].split("\n")[0]) for item in items]


def pairs(count):
    return count * (count - 1) // 2


def score(title, counts):
    """Prints precision and recall of the pairs of failures. `counts` has the number of failures of each kind and signature."""
    by_signature = Counter()
    for kind, signature in counts:
        by_signature[signature] += counts[kind, signature]
    right = sum(pairs(count) for count in counts.values())
    together, alike = sum(map(pairs, by_signature.values())), pairs(FILES) * len({kind for kind, _ in counts})
    kinds = len({kind for kind, _ in counts})
    print(f"{title}: {kinds} kinds, precision {right / together:.3f}, recall {right / alike:.3f}, {len(by_signature)} groups, {len(by_signature) / kinds:.2f} a kind")


def report(counts, reasons):
    fresh = {kind.name for kind in FRESH}
    held_out = set(sorted(kind.name for kind in KINDS)[2::3])
    class_of = lambda name: "fresh" if name in fresh else "held out" if name in held_out else "others"
    for title in ("fresh", "held out", "others"):
        if of_class := {key: count for key, count in counts.items() if class_of(key[0]) == title}:
            score(title, of_class)
    score("all", counts)
    for kind in sorted({kind for kind, _ in counts}):
        signatures = [signature for other, signature in counts if other == kind]
        if len(signatures) > 1:
            print(f"\nsplit: {kind} ({class_of(kind)})")
            for signature in signatures:
                print(f"  {counts[kind, signature]:2}  {reasons[signature]}")
    together = defaultdict(list)
    for kind, signature in counts:
        together[signature].append(kind)
    for signature, kinds in together.items():
        if len(kinds) > 1:
            print(f"\nconfused: {', '.join(kinds)}: {reasons[signature]}")


def main(binary, folder, *names):
    binary, folder, port = str(Path(binary).resolve()), Path(folder).resolve(), web_server()
    folder.mkdir(parents=True, exist_ok=True)
    counts, reasons, failures, missing, wrong = {}, {}, [], [], []
    for number, kind in enumerate(KINDS + FRESH, 1):
        if names and kind.name not in names:
            continue
        if not shutil.which(kind.program):
            missing.append(f"{kind.name} ({kind.program})")
            continue
        # A number, because the name of a kind may have a word such as `invalid`, by which a line of output counts as an error.
        project = folder / f"{number:03}"
        if not project.exists():
            run(binary, kind, project, port)
        groups, errors = results(binary, project)
        counts.update({(kind.name, group["signature"]): group["count"] for group in groups})
        reasons.update({group["signature"]: group["reason"] for group in groups})
        failures += errors
        if len(errors) != FILES:
            wrong.append(f"{kind.name} ({len(errors)})")
    (folder / "failures.tsv").write_text("".join(f"{path}\t{error}\n" for path, error in failures))
    if wrong:
        sys.exit(f"error: not {FILES} files failed of the kinds {', '.join(wrong)}")
    print(f"{len(missing)} kinds left out, because their programs are not installed: {', '.join(missing)}" if missing else "no kind left out")
    report(counts, reasons)


main(*sys.argv[1:])
