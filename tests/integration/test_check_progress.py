#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fieldguard check's progress bar: on a terminal and nowhere else, on stderr, wiped at the end, and never in the way of the answers."""

import os
import pty
import re
import select
import subprocess
import tempfile
import time

from fgtest import BUILD, expect, expect_equal, main

COMMAND = os.path.join(BUILD, "bin", "fieldguard")
OPTIONS = '{"validator": {"$jsonSchema": {"properties": {"a": {"bsonType": "int"}}}}}\n'
LINE = '{"a": 1, "fill": "' + "x" * 1000 + '"}\n'


class Folder:
    """Options, and about 40 MB of documents, one of them refused."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.options = os.path.join(self.folder.name, "options.json")
        self.docs = os.path.join(self.folder.name, "docs.json")
        with open(self.options, "w", encoding="utf-8") as f:
            f.write(OPTIONS)
        with open(self.docs, "w", encoding="utf-8") as f:
            f.write(LINE * 20000 + '{"a": "no"}\n' + LINE * 20000)
        return self

    def __exit__(self, *what):
        self.folder.cleanup()


def on_terminal(argv, stdin=None, pause=0.0):
    """Runs argv with a terminal for stderr: status, stdout, what the terminal was sent."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(argv, stdin=stdin or subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=follower)
    os.close(follower)
    shown, out = b"", b""
    open_ends = {leader, process.stdout.fileno()}
    end = time.monotonic() + 60
    while open_ends and time.monotonic() < end:
        for fd in select.select(list(open_ends), [], [], 1)[0]:
            try:
                data = os.read(fd, 65536)
            except OSError:  # the terminal's other side is closed
                data = b""
            if not data:
                open_ends.discard(fd)
            elif fd == leader:
                shown += data
            else:
                out += data
        time.sleep(pause)
    os.close(leader)
    return process.wait(timeout=20), out, shown


def case_bar_on_a_terminal():
    with Folder() as files:
        status, out, shown = on_terminal([COMMAND, "check", "--options", files.options, files.docs])
        expect_equal(status, 1)
        expect_equal(out.count(b"\n"), 1, "one line of answers")
        expect(out.startswith(b'{"index":20000,'), f"{out[:80]}")
        bars = re.findall(rb"\r\[(#*) *\] +(\d+)%", shown)
        expect(bars, f"no bar: {shown[:200]}")
        percent = [int(p) for _, p in bars]
        expect(percent == sorted(percent) and 0 <= percent[0] and percent[-1] <= 100, f"{percent}")
        expect(all(len(bar) == p * 40 // 100 or abs(len(bar) - p * 40 / 100) <= 1 for (bar, _), p in zip(bars, percent)), f"{bars}")
        expect(shown.endswith(b"\r\x1b[K"), f"the bar is wiped: {shown[-20:]}")
        expect(b"#" not in out and b"\x1b" not in out, "the bar stands among the answers")


def case_input_of_unknown_size():
    """From a pipe: how much was read, as nobody knows of how much."""
    with Folder() as files:
        with subprocess.Popen(["cat", files.docs], stdout=subprocess.PIPE) as cat:
            status, _, shown = on_terminal([COMMAND, "check", "--options", files.options, "--summary", "-"], cat.stdout)
        expect_equal(status, 1)
        expect(re.search(rb"\r\d+ MiB", shown), f"{shown[:200]}")
        expect(b"%" not in shown, "no share of an unknown whole")
        expect(shown.endswith(b"\r\x1b[K"), "wiped")


def case_no_bar_without_a_terminal():
    with Folder() as files:
        done = subprocess.run([COMMAND, "check", "--options", files.options, files.docs], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        expect_equal((done.returncode, done.stderr), (1, b""))


def case_short_work_shows_nothing():
    with Folder() as files:
        short = os.path.join(files.folder.name, "short.json")
        with open(short, "w", encoding="utf-8") as f:
            f.write('{"a": 1}\n')
        status, _, shown = on_terminal([COMMAND, "check", "--options", files.options, short])
        expect_equal((status, shown), (0, b""))


def case_wiped_before_a_complaint():
    """Input that breaks off: the bar goes before the message comes."""
    with Folder() as files:
        with open(files.docs, "a", encoding="utf-8") as f:
            f.write("{torn\n")
        status, _, shown = on_terminal([COMMAND, "check", "--options", files.options, files.docs])
        expect_equal(status, 2)
        expect(re.search(rb"\r\x1b\[Kfieldguard: .*line 40002, offset", shown), f"{shown[-200:]}")


if __name__ == "__main__":
    main(globals(), "check_progress")
