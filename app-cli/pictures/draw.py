"""Draw the pictures of the documents: what a person sees in a terminal of 100 columns.

    draw.py AUTOPROC FOLDER

Runs the program in pseudo-terminals, in /tmp/night, and writes each screen as an SVG to the folder.
"""

import fcntl
import os
import pty
import select
import shutil
import struct
import sys
import termios
import time
from contextlib import contextmanager
from html import escape
from pathlib import Path

import pyte

COLUMNS, ROWS = 100, 40
NIGHT = Path("/tmp/night")
CELL_WIDTH, CELL_HEIGHT, MARGIN, TITLE_HEIGHT = 8.4, 19, 16, 30
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
BACKGROUND, FOREGROUND = "#16191f", "#d8dee9"
COLORS = {"red": "#f07178", "green": "#a5d6a7", "brown": "#ffcb6b", "blue": "#82aaff", "magenta": "#c792ea",
          "cyan": "#89ddff", "white": "#ffffff", "black": "#5c6370"}


class Terminal:
    """A pseudo-terminal in which commands run, and its screen."""

    def __init__(self, autoproc, commands):
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self.stream = pyte.ByteStream(self.screen)
        lines = [f"printf '\\033[1;32m$\\033[0m \\033[1m%s\\033[0m\\n' {quoted(line)}\n{line}" for line in commands]
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(NIGHT)
            path = f"{autoproc.parent}:{os.environ['PATH']}"
            environment = {"PATH": path, "HOME": "/tmp", "TERM": "xterm-256color", "LANG": "C.UTF-8", "TZ": "UTC"}
            os.execvpe("bash", ["bash", "-c", "sleep 0.1\n" + "\n".join(lines)], environment)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))

    def read(self, seconds=60.0):
        """Reads until the commands have ended or the time is over."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.fd], [], [], left)[0]:
                continue
            try:
                data = os.read(self.fd, 65536)
            except OSError:  # Linux reports the end of a pseudo-terminal so
                data = b""
            if not data:
                os.waitpid(self.pid, 0)
                return
            self.stream.feed(data)

    def rows(self):
        """The screen's rows without the empty ones at its end, each a list of (column, text, style)."""
        rows = [row_runs(self.screen.buffer[row]) for row in range(ROWS)]
        while rows and not rows[-1]:
            rows.pop()
        return rows


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def row_runs(row):
    """Splits a row where the style changes, and at gaps of two blanks."""
    runs = []
    for column in range(COLUMNS):
        cell = row[column]
        style = (cell.fg, cell.bold)
        if runs and runs[-1][2] == style and runs[-1][0] + len(runs[-1][1]) == column:
            runs[-1][1] += cell.data
        else:
            runs.append([column, cell.data, style])
    stripped = [(column + len(text) - len(text.lstrip()), text.strip(), style) for column, text, style in runs]
    return [run for run in stripped if run[1]]


def svg(terminals, title):
    """Terminals below each other, as one picture."""
    width = COLUMNS * CELL_WIDTH + 2 * MARGIN
    parts, top = [], 0.0
    for terminal in terminals:
        rows = terminal.rows()
        height = TITLE_HEIGHT + len(rows) * CELL_HEIGHT + MARGIN
        parts.append(f'<rect y="{top:g}" width="{width:g}" height="{height:g}" rx="8" fill="{BACKGROUND}"/>')
        for index, color in enumerate(("#ff5f57", "#febc2e", "#28c840")):
            parts.append(f'<circle cx="{MARGIN + 4 + index * 18}" cy="{top + 15:g}" r="5" fill="{color}"/>')
        for number, runs in enumerate(rows):
            baseline = top + TITLE_HEIGHT + (number + 0.75) * CELL_HEIGHT
            parts.extend(text_element(run, baseline) for run in runs)
        top += height + 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {top - 10:g}" width="{width:g}" role="img">\n'
        f"<title>{escape(title)}</title>\n"
        f'<g font-family="{FONT}" font-size="14" fill="{FOREGROUND}" xml:space="preserve">\n'
        + "\n".join(parts)
        + "\n</g>\n</svg>\n"
    )


def text_element(run, baseline):
    column, text, (color, bold) = run
    fill = f' fill="{COLORS[color]}"' if color in COLORS else ""
    weight = ' font-weight="bold"' if bold else ""
    x, length = MARGIN + column * CELL_WIDTH, len(text) * CELL_WIDTH
    return (
        f'<text x="{x:g}" y="{baseline:g}" textLength="{length:g}" lengthAdjust="spacingAndGlyphs"{fill}{weight}>'
        f"{escape(text)}</text>"
    )


@contextmanager
def night():
    """A new folder with twelve scans, removed in the end."""
    NIGHT.mkdir()
    try:
        fill()
        yield
    finally:
        shutil.rmtree(NIGHT)


def fill():
    (NIGHT / "scans").mkdir()
    (NIGHT / "text").mkdir()
    shutil.copy(Path(__file__).with_name("ocr"), NIGHT / "ocr")
    for page in range(1, 13):
        (NIGHT / "scans" / f"page {page:02}.png").write_text("a page\n")


def draw_run(autoproc, folder):
    run = "autoproc run scans -j3 --timeout 5m --retries 1 -- ./ocr {} text/{/.}.txt"
    terminal = Terminal(autoproc, [run, "autoproc status", 'autoproc log "scans/page 07.png"', "autoproc retry-failed"])
    terminal.read()
    title = "A run of twelve scans; one fails after a retry, and status and log show it"
    (folder / "run.svg").write_text(svg([terminal], title))


def draw_watch(autoproc, folder):
    run = Terminal(autoproc, ["autoproc run scans -j3 -- ./ocr {} text/{/.}.txt"])
    run.read(1.7)
    status = Terminal(autoproc, ["autoproc status"])
    status.read()
    title = "A run in one terminal, and its status in another"
    (folder / "watch.svg").write_text(svg([run, status], title))
    Terminal(autoproc, ["autoproc stop --now --wait"]).read()
    run.read()


def main():
    autoproc, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    folder.mkdir(exist_ok=True)
    for draw in (draw_run, draw_watch):
        with night():
            draw(autoproc, folder)


main()
