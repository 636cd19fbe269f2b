#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is left of keys in the command's memory: every writable page of a running command, and of one that has freed its handles and is about to end. A data key and the master key are
looked for, each 32-byte subkey by itself. Needs root: nobody else may look (the command is not dumpable), which is tried too."""

import base64
import ctypes
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time

import fgtest

FIELDGUARD = os.path.join(fgtest.BUILD, "bin", "fieldguard")
PTRACE_TRACEME, PTRACE_CONT, PTRACE_SETOPTIONS = 0, 7, 0x4200
PTRACE_O_TRACEEXIT, PTRACE_EVENT_EXIT = 0x40, 6
MASTER = bytes((i * 59 + 11 + i * i % 251) % 256 for i in range(96))
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
failures = 0


def report(name, ok, why=""):
    global failures
    print(f"ok client-memory.{name}" if ok else f"not ok client-memory.{name} - {why}", flush=True)
    failures += not ok


def data_key():
    """Of the vault's one key, unwrapped here."""
    with open("vault.json", encoding="utf-8") as f:
        material = base64.b64decode(json.loads(f.readline())["keyMaterial"]["$binary"]["base64"])
    line = ["openssl", "enc", "-d", "-aes-256-cbc", "-K", MASTER[32:64].hex(), "-iv", material[:16].hex()]
    return subprocess.run(line, input=material[16:-32], capture_output=True, check=True).stdout


def needles():
    named = {f"master-{n}": MASTER[i : i + 32] for i, n in ((0, "mac"), (32, "encryption"), (64, "iv"))}
    key = data_key()
    named.update({f"data-{n}": key[i : i + 32] for i, n in ((0, "mac"), (32, "encryption"), (64, "iv"))})
    named["master-base64"] = base64.b64encode(MASTER)[:40]
    return named


def mappings(pid):
    """(from, to, kept out of dumps) of everything writable."""
    with open(f"/proc/{pid}/smaps", encoding="utf-8") as f:
        text = f.read()
    for block in re.split(r"\n(?=[0-9a-f]+-[0-9a-f]+ )", text):
        head = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+)", block)
        if head and head.group(3).startswith("rw") and "[v" not in block.split("\n", 1)[0]:
            flags = re.search(r"VmFlags: (.*)", block)
            yield int(head.group(1), 16), int(head.group(2), 16), bool(flags and " dd" in " " + flags.group(1))


def scan(pid, wanted):
    """{name: [in pages that a core would have, in pages that are kept out]}"""
    found = {name: [0, 0] for name in wanted}
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for start, end, hidden in mappings(pid):
            try:
                mem.seek(start)
                data = mem.read(end - start)
            except OSError:
                continue  # a guard page
            for name, bytes_ in wanted.items():
                found[name][hidden] += data.count(bytes_)
    return found


class Traced:
    """A command that stops once more when it is about to end."""

    def __init__(self, *args):
        line = [FIELDGUARD, *args, "--key-vault", "vault.json", "--kms-providers", "kms.json"]
        self.process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=lambda: libc.ptrace(PTRACE_TRACEME, 0, None, None))
        os.waitpid(self.process.pid, 0)
        libc.ptrace(PTRACE_SETOPTIONS, self.process.pid, None, PTRACE_O_TRACEEXIT)
        self.go_on(0)

    def go_on(self, signum):
        libc.ptrace(PTRACE_CONT, self.process.pid, None, signum)

    def at_work(self, line, wanted):
        """What is found once the line has been worked on: its key is there, and the command waits for the next line."""
        self.process.stdin.write(line)
        self.process.stdin.flush()
        for _ in range(200):
            found = scan(self.process.pid, wanted)
            if found["data-mac"][1] and found["data-encryption"][0]:
                break
            time.sleep(0.1)
        return found

    def to_the_end(self):
        """Until the process is about to end, everything freed."""
        self.process.stdin.close()
        while True:
            _, status = os.waitpid(self.process.pid, 0)
            if not os.WIFSTOPPED(status):
                raise AssertionError("it ended unseen")
            if status >> 8 == signal.SIGTRAP | PTRACE_EVENT_EXIT << 8:
                return
            self.go_on(os.WSTOPSIG(status))

    def let_end(self):
        self.go_on(0)
        out = self.process.stdout.read()
        self.process.stdout.close()
        _, status = os.waitpid(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        return self.process.returncode, out


def examine(name, wanted, *args, line=b'{"v": "a value"}\n'):
    traced = Traced(*args)
    if line:
        live = traced.at_work(line, wanted)
        # What a core of the running command would hold: nothing but the key schedules of OpenSSL's ciphers, which begin with the encryption subkey.
        bare = {n: c for n, c in live.items() if c[0] and n not in ("data-encryption", "master-encryption")}
        report(f"{name}-live-found", live["data-mac"][1] > 0 and live["data-encryption"][1] > 0, live)
        report(f"{name}-live-core", not bare, bare)
    traced.to_the_end()
    ended = {n: c for n, c in scan(traced.process.pid, wanted).items() if c != [0, 0]}
    report(f"{name}-after-free", not ended, ended)
    status, out = traced.let_end()
    report(f"{name}-worked", status == 0, status)
    return out


def nobody_may_look():
    """No core, and nothing to see for another user."""
    process = subprocess.Popen([FIELDGUARD, "decrypt", "--key-vault", "vault.json", "--kms-providers", "kms.json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for _ in range(200):
        with open(f"/proc/{process.pid}/limits", encoding="utf-8") as f:
            limits = f.read()
        if re.search(r"Max core file size\s+0\s+0\s", limits):
            break
        time.sleep(0.05)
    report("no-core", re.search(r"Max core file size\s+0\s+0\s", limits) is not None, limits)
    reader = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", "head", "-c1", f"/proc/{process.pid}/environ"], capture_output=True, check=False)
    report("nobody-may-look", reader.returncode != 0 and b"ermission denied" in reader.stderr, reader.stderr)
    process.stdin.close()
    process.wait(timeout=20)
    process.stdout.close()


def main():
    if fgtest.SANITIZED:
        print("skip client-memory - a sanitizer's quarantine keeps what was freed")
        return
    if os.geteuid() != 0:
        print("skip client-memory - only root may read the memory of a process that is not dumpable")
        return
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with open("kms.json", "w", encoding="ascii") as f:
            json.dump({"local": {"key": base64.b64encode(MASTER).decode()}}, f)
        made = subprocess.run([FIELDGUARD, "keys", "create", "--key-vault", "vault.json", "--kms-providers", "kms.json", "--provider", "local", "--key-alt-name", "k"], capture_output=True, check=False)
        if made.returncode:
            report("set-up", False, made.stderr)
            return
        wanted = needles()
        sealed = examine("encrypt", wanted, "encrypt", "--key-alt-name", "k", "--algorithm", "Deterministic")
        opened = examine("decrypt", wanted, "decrypt", line=sealed)
        report("round-trip", json.loads(opened) == {"v": "a value"}, opened)
        nobody_may_look()
        examine("rewrap", wanted, "keys", "rewrap", line=None)
        os.chdir("/")


main()
sys.exit(1 if failures else 0)
