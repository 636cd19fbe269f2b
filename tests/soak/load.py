#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Mixed traffic from many connections: every reply is checked, memory is flat after the warm-up, and a second server under thread sanitizer reports nothing.

FG_SOAK_SECONDS (60), FG_SOAK_CONNECTIONS (2000), FG_SOAK_THINK_MS (500): the first run. FG_SOAK_TSAN_SECONDS (30), FG_SOAK_TSAN_CONNECTIONS (50), FG_SOAK_TSAN_THINK_MS (20):
the second. The first third of a run is its warm-up: the documents reach the number at which they stay, and so does everything that is kept for them.
"""

import glob
import os
import shutil
import subprocess
import sys
import time

TOP = os.environ.get("FG_TOP") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "integration"))
import fgtest

TSAN_BUILD = os.environ.get("FG_TSAN_BUILD") or os.path.join(TOP, "build", "sanitize-thread")

# What may come on top of the warm-up's peak: the allocator's arenas fill up late, and pages of the data file become resident as they are used.
GROWTH_RATIO = 0.10
GROWTH_BYTES = 8 << 20


def setting(name, default):
    return int(os.environ.get("FG_SOAK_" + name, default))


def memory(pid):
    """(private, of the data file): what the process itself holds, and what it sees of its mapped files, in bytes."""
    out = {}
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        for line in f:
            name, _, rest = line.partition(":")
            if name in ("RssAnon", "RssFile"):
                out[name] = int(rest.split()[0]) * 1024
    return out["RssAnon"], out["RssFile"]


def mebibytes(n):
    return f"{n / (1 << 20):.1f} MiB"


def drive(server, load, connections, seconds, think_ms):
    """Runs the generator; returns (exit status, output, [(time, private, file)])."""
    samples = []
    begun = time.monotonic()
    process = subprocess.Popen([load, str(server.port), str(connections), str(seconds), str(think_ms)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    end = begun + 4 * seconds + 120
    while process.poll() is None:
        if time.monotonic() > end:
            process.kill()
            return -1, process.communicate()[0] + "\nthe generator did not end", samples
        if server.process.poll() is not None:
            process.kill()
            return -1, process.communicate()[0] + f"\nthe server ended with {server.process.returncode}", samples
        samples.append((time.monotonic() - begun, *memory(server.process.pid)))
        time.sleep(0.5)
    return process.returncode, process.communicate()[0], samples


def check_flat(samples, seconds):
    warm = [s for s in samples if s[0] < seconds / 3]
    middle = [s for s in samples if seconds / 3 <= s[0] < seconds * 2 / 3]
    late = [s for s in samples if seconds * 2 / 3 <= s[0] <= seconds]
    fgtest.expect(warm and middle and late, "too few samples of memory")
    for name, column in (("private memory", 1), ("resident part of the data file", 2)):
        before, after = max(s[column] for s in warm), max(s[column] for s in late)
        bound = before * (1 + GROWTH_RATIO) + GROWTH_BYTES
        print(f"{name}: at most {mebibytes(before)} in the warm-up, {mebibytes(max(s[column] for s in middle))} in the middle, {mebibytes(after)} at the end; bound {mebibytes(bound)}")
        fgtest.expect(after <= bound, f"{name} grew from {before} to {after} bytes")


def case_load():
    connections, seconds, think_ms = setting("CONNECTIONS", 2000), setting("SECONDS", 60), setting("THINK_MS", 500)
    with fgtest.Server() as server:
        status, output, samples = drive(server, os.path.join(fgtest.BUILD, "tests", "soak", "load"), connections, seconds, think_ms)
        print(f"{connections} connections, {seconds} s\n{output}", end="")
        fgtest.expect_equal(status, 0, "the generator's exit status")
        check_flat(samples, seconds)
        fgtest.expect_equal(server.run({"find": "load", "filter": {"ssn": {"$type": "string"}}}, "soak")["cursor"]["firstBatch"], [], "plaintext in the store")
        fgtest.expect(server.alive(), "the server died")


def build_with_thread_sanitizer():
    targets = [os.path.join(TSAN_BUILD, *part) for part in (("bin", "fieldguardd"), ("lib", "fieldguard.so"))]
    result = subprocess.run(["make", "-C", TOP, "FG_NO_SETUP=1", "SANITIZE=thread", f"B={TSAN_BUILD}", *targets], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=1800)
    fgtest.expect(result.returncode == 0, f"the thread sanitizer's build failed: {result.stderr[-2000:]}")


def case_thread_sanitizer():
    connections, seconds, think_ms = setting("TSAN_CONNECTIONS", 50), setting("TSAN_SECONDS", 30), setting("TSAN_THINK_MS", 20)
    build_with_thread_sanitizer()
    load = os.path.join(fgtest.BUILD, "tests", "soak", "load")
    fgtest.BUILD, fgtest.MODULE = TSAN_BUILD, os.path.join(TSAN_BUILD, "lib", "fieldguard.so")
    # A module that lands where the sanitizer keeps its shadow ends the process: no chance in addresses, where that can be had.
    fixed = ["setarch", "-R"]
    usable = shutil.which("setarch") and subprocess.run(fixed + ["true"], capture_output=True).returncode == 0
    server = fgtest.Server(wrap=fixed if usable else [])
    reports = os.path.join(server.folder, "tsan")
    server.env["TSAN_OPTIONS"] = f"log_path={reports}:exitcode=66:suppressions={os.path.join(TOP, 'ci', 'tsan.supp')}:history_size=4"
    with server:
        status, output, _ = drive(server, load, connections, seconds, think_ms)
        print(f"under thread sanitizer, {connections} connections, {seconds} s\n{output}", end="")
        fgtest.expect_equal(status, 0, "the generator's exit status")
        server.stop(expect=None)
        found = ""
        for path in glob.glob(reports + ".*"):
            with open(path, encoding="utf-8", errors="replace") as f:
                found += f.read()
        print(found[:30000], end="")
        fgtest.expect_equal(found.count("WARNING: ThreadSanitizer"), 0, "reports")
        fgtest.expect_equal(server.process.returncode, 0, "the server's exit status")


fgtest.main(globals(), "soak.load")
