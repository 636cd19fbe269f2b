# SPDX-License-Identifier: Apache-2.0
"""What the integration tests share: a fieldguardd of their own, commands through libmongoc, and the result protocol.

Only the standard library. A test file defines functions named case_*; main() runs them and prints "ok", "not ok" or "skip" lines.
"""

import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

TOP = os.environ.get("FG_TOP") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("FG_BUILD") or os.path.join(TOP, "build")
CLIENTS = os.environ.get("FG_CLIENTS") or os.path.join(TOP, "build", "clients")
MODULE = os.path.join(BUILD, "lib", "fieldguard.so")
SANITIZED = bool(os.environ.get("SANITIZE"))


class Skip(Exception):
    """Raised by a case that cannot run here; its text is the reason."""


class Server:
    """A fieldguardd with its files in a temporary folder. Use it in a with statement."""

    def __init__(self, module=True, settings=None, args=(), folder=None, env=None, wrap=()):
        self.folder = folder or tempfile.mkdtemp(prefix="fieldguard-test-")
        self.own_folder = folder is None
        self.log = os.path.join(self.folder, "fieldguardd.log")
        self.audit = os.path.join(self.folder, "audit.log")
        self.db = os.path.join(self.folder, "db")
        os.makedirs(self.db, exist_ok=True)
        self.module = module
        self.settings = dict(settings or {})
        self.args = list(args)
        self.env = dict(os.environ, **(env or {}))
        self.wrap = list(wrap)
        self.process = None
        self.port = None
        self.commands = None

    def command_line(self):
        line = self.wrap + [os.path.join(BUILD, "bin", "fieldguardd"), "--port", "0", "--bind_ip", "127.0.0.1", "--dbpath", self.db, "--logpath", self.log]
        if self.module:
            line += ["--loadModule", MODULE]
            if not any(k.startswith("fieldguard.audit") for k in self.settings):
                line += ["--setParameter", f"fieldguard.auditPath={self.audit}"]
        for name, value in self.settings.items():
            line += ["--setParameter", f"{name}={value}"]
        return line + self.args

    def start(self):
        offset = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        self.process = subprocess.Popen(self.command_line(), env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.port = None
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            match = re.search(r'"msg":"Waiting for connections".*?"port":(\d+)', self.log_text(offset))
            if match:
                self.port = int(match.group(1))
                return self
            time.sleep(0.02)
        self.process.kill()
        output = self.process.communicate()[0].decode(errors="replace")
        raise AssertionError(f"fieldguardd did not start: {output}\n{self.log_text(offset)}")

    def log_text(self, offset=0):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                f.seek(offset)
                return f.read()
        except FileNotFoundError:
            return ""

    def audit_records(self):
        """Every whole audit record of every file, oldest first."""
        paths = sorted(glob.glob(self.audit + ".2*")) + ([self.audit] if os.path.exists(self.audit) else [])
        records = []
        for path in paths:
            with open(path, encoding="utf-8") as f:
                records += [json.loads(line) for line in f if line.endswith("\n")]
        return records

    def violations(self):
        return [r for r in self.audit_records() if r["atype"] == "fieldguard.violation"]

    @property
    def uri(self):
        return f"mongodb://127.0.0.1:{self.port}"

    def run(self, cmd, db="test"):
        """Runs one command (plain Python values or Extended JSON) and returns the reply, Extended JSON decoded by json."""
        if self.commands is None:
            self.commands = Commands(self.uri)
        return self.commands.run(cmd, db)

    def stop(self, expect=0):
        self.close_client()
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        output = self.process.communicate(timeout=60)[0].decode(errors="replace")
        if expect is not None and self.process.returncode != expect:
            raise AssertionError(f"fieldguardd ended with {self.process.returncode}: {output[-4000:]}")
        return output

    def kill(self):
        self.process.kill()
        self.process.communicate()
        self.close_client()

    def close_client(self):
        if self.commands:
            self.commands.close()
            self.commands = None

    def alive(self):
        return self.process.poll() is None and self.run({"ping": 1})["ok"] in (1, {"$numberDouble": "1.0"})

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, tb):
        try:
            if self.process and self.process.poll() is None:
                if kind is None:
                    self.stop()
                else:
                    self.kill()
        finally:
            self.close_client()
            if self.own_folder:
                shutil.rmtree(self.folder, ignore_errors=True)


class Commands:
    """A libmongoc client that runs one command a line."""

    def __init__(self, uri):
        self.process = subprocess.Popen([os.path.join(BUILD, "tests", "clients", "run_commands"), uri], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, cmd, db="test"):
        self.process.stdin.write(json.dumps({"db": db, "cmd": cmd}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("the client ended without a reply")
        return simple(json.loads(line))

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=20)


class Tmpfs:
    """A small file system of its own, so that it can be filled."""

    def __init__(self, size):
        self.size = size

    def __enter__(self):
        self.path = tempfile.mkdtemp()
        result = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.size}", "tmpfs", self.path], capture_output=True, text=True)
        if result.returncode != 0:
            os.rmdir(self.path)
            raise Skip(f"cannot mount a tmpfs here: {result.stderr.strip()}")
        return self.path

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.path], check=False)
        os.rmdir(self.path)

    @staticmethod
    def fill(path):
        with open(os.path.join(path, "filler"), "wb", buffering=0) as f:
            for size in (65536, 4096, 1):
                try:
                    while f.write(b"x" * size) == size:
                        pass
                except OSError:
                    pass


def simple(value):
    """Canonical Extended JSON with its numbers made plain."""
    if isinstance(value, dict):
        if len(value) == 1:
            key, inner = next(iter(value.items()))
            if key in ("$numberInt", "$numberLong"):
                return int(inner)
            if key == "$numberDouble":
                return float(inner)
        return {k: simple(v) for k, v in value.items()}
    if isinstance(value, list):
        return [simple(v) for v in value]
    return value


def binary(data, subtype=6):
    import base64

    return {"$binary": {"base64": base64.b64encode(data).decode(), "subType": f"{subtype:02x}"}}


KEY_ID = bytes(range(16))


def key_id(data=KEY_ID):
    return binary(data, 4)


def ciphertext(kind=2, bson_type=2, blocks=1, key=KEY_ID, seed=1):
    """Bytes in the shape of a CSFLE ciphertext (not one that any key opens): header, IV, blocks, tag."""
    body = bytearray()
    state = seed * 2654435761 % 2**32 or 1
    while len(body) < 16 + 16 * blocks + 32:
        state = (1103515245 * state + 12345) % 2**32
        body.append(0x80 | state >> 20 & 0x7F)
    return binary(bytes([kind]) + key + bytes([bson_type]) + bytes(body))


DETERMINISTIC = "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic"
RANDOM = "AEAD_AES_256_CBC_HMAC_SHA_512-Random"


def encrypt_rule(bson_type="string", algorithm=RANDOM, key=KEY_ID):
    return {"encrypt": {"keyId": [key_id(key)], "algorithm": algorithm, "bsonType": bson_type}}


def expect(condition, text):
    if not condition:
        raise AssertionError(text)


def expect_equal(actual, wanted, what=""):
    if actual != wanted:
        raise AssertionError(f"{what}: {actual!r} is not {wanted!r}")


def write_error(reply):
    """(code, errmsg, errInfo) of a command's first write error or of its own error; (0, "", None) for success."""
    errors = reply.get("writeErrors") or []
    first = errors[0] if errors else reply if not reply.get("ok") else None
    if first is None and reply.get("nErrors"):
        first = next(op for op in reply["cursor"]["firstBatch"] if not op["ok"])
    return (first.get("code", 0), first.get("errmsg", ""), first.get("errInfo")) if first else (0, "", None)


def main(namespace, prefix):
    failed = 0
    wanted = sys.argv[1:]
    for name, case in [(k[5:], v) for k, v in namespace.items() if k.startswith("case_")]:
        if wanted and name not in wanted:
            continue
        try:
            case()
            print(f"ok {prefix}.{name}", flush=True)
        except Skip as reason:
            print(f"skip {prefix}.{name} - {reason}", flush=True)
        except Exception as error:  # a test reports whatever went wrong
            traceback.print_exc(file=sys.stdout)
            print(f"not ok {prefix}.{name} - {str(error).splitlines()[0] if str(error) else type(error).__name__}", flush=True)
            failed += 1
    sys.exit(1 if failed else 0)
