#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""keys migrate: killed at random moments, with a second client that makes keys all the while; against a KMS over TLS that throttles or fails; on full disks; with journals that were cut, belong to
another vault, or are in use. FG_MIGRATE_KILLS (20) says how often it is killed, FG_MIGRATE_SEED what is random."""

import base64
import contextlib
import hashlib
import http.server
import json
import os
import random
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading
import time

import fgtest
from fgtest import Skip, expect, expect_equal

FIELDGUARD = os.path.join(fgtest.BUILD, "bin", "fieldguard")
KEY_TOOL = os.path.join(fgtest.BUILD, "tests", "clients", "key_tool")
KILLS = int(os.environ.get("FG_MIGRATE_KILLS", "20"))
SEED = int(os.environ.get("FG_MIGRATE_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
KEYS = 1000


class Folder:
    """A temporary folder with a kmsProviders file: local and local:other, and what else is given."""

    def __init__(self, **more):
        self.path = tempfile.mkdtemp(prefix="fieldguard-migrate-")
        self.kms = self.write("kms.json", {"local": {"key": secret()}, "local:other": {"key": secret()}, **more})

    def __enter__(self):
        return self

    def __exit__(self, *args):
        shutil.rmtree(self.path, ignore_errors=True)

    def file(self, name):
        return os.path.join(self.path, name)

    def write(self, name, value):
        with open(self.file(name), "w", encoding="utf-8") as f:
            json.dump(value, f)
        return self.file(name)

    def fill(self, name, n, provider="local"):
        subprocess.run([KEY_TOOL, self.file(name), self.kms, "fill", provider, str(n)], check=True, timeout=120)
        return self.file(name)


def secret():
    return base64.b64encode(os.urandom(96)).decode()


def migrate_line(folder, vault, source, target, journal, *more):
    return [FIELDGUARD, "keys", "migrate", "--key-vault", vault, "--kms-providers", folder.kms, "--from", source, "--to", target, "--journal", folder.file(journal), *more]


def migrate(folder, vault, source, target, journal, *more, status=0, timeout=240):
    done = subprocess.run(migrate_line(folder, vault, source, target, journal, *more), capture_output=True, text=True, timeout=timeout, check=False)
    expect(done.returncode == status, f"exit {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def report(folder, vault, source, target, journal, *more, **options):
    out = migrate(folder, vault, source, target, journal, "--json", *more, **options)
    return json.loads([line for line in out.splitlines() if line.startswith('{"complete"')][0])


class Key:
    def __init__(self, line):
        self.id, self.provider, self.opened, self.material = line.split()


def open_keys(folder, vault):
    """Every key of the vault by id, opened."""
    done = subprocess.run([KEY_TOOL, vault_for_tool(vault), folder.kms, "open"], capture_output=True, text=True, timeout=240, check=False)
    expect(done.returncode == 0, done.stderr)
    return {k.id: k for k in map(Key, done.stdout.splitlines())}


def vault_for_tool(vault):
    """The URI's ns goes behind an at sign."""
    if not vault.startswith("mongodb://"):
        return vault
    base, _, ns = vault.partition("?ns=")
    return f"{base}@{ns}"


def count(keys, provider):
    return sum(k.provider == provider for k in keys.values())


def wrapped_records(path):
    """What whole lines of a journal put on record: id and hash of the new keyMaterial. Checks the chain by itself."""
    found = set()
    chain = bytes(32)
    with open(path, "rb") as f:
        data = f.read()
    for line in data.split(b"\n")[:-1]:
        body, _, tail = line.rpartition(b', "chain" : "')
        chain = hashlib.sha256(chain + body).digest()
        expect_equal(tail, chain.hex().encode() + b'" }', "a line's chain")
        record = json.loads(line)
        if record["state"] == "wrapped":
            key = base64.b64decode(record["key"]["$binary"]["base64"]).hex()
            found.add((f"{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:]}", base64.b64decode(record["new"]["sha256"]["$binary"]["base64"]).hex()))
    return found


class Creator:
    """A second client that makes keys under a provider until it is told to stop."""

    def __init__(self, folder, vault, provider, pause_ms):
        self.output = open(folder.file("created"), "w+", encoding="utf-8")  # pylint: disable=consider-using-with
        self.process = subprocess.Popen([KEY_TOOL, vault_for_tool(vault), folder.kms, "create", provider, "0", str(pause_ms)], stdout=self.output)

    def created(self):
        self.output.seek(0)
        return [line.strip() for line in self.output.readlines() if line.endswith("\n")]

    def stop(self):
        expect(self.process.poll() is None, "the second client died")
        self.process.kill()
        self.process.wait()


class Hunt:
    """Migrations back and forth and rollbacks, each killed at random moments until it is through."""

    def __init__(self, folder, vault, pause_ms):
        self.folder, self.vault, self.pause_ms = folder, vault, pause_ms
        self.random = random.Random(SEED)
        self.keys = open_keys(folder, vault)
        expect_equal(len(self.keys), KEYS, "keys at the start")
        self.kills = self.legs = self.resumed = 0
        self.longest = 3.0

    def check(self, journals, source, target, created):
        """Every key there has ever been is there, opens to what it was, and has a wrapping that is on record or its first one."""
        now = open_keys(self.folder, self.vault)
        records = set()
        for journal in journals:
            if os.path.exists(self.folder.file(journal)):
                records |= wrapped_records(self.folder.file(journal))
        for key_id, before in self.keys.items():
            expect(key_id in now, f"key {key_id} is lost")
            expect_equal(now[key_id].opened, before.opened, f"key {key_id} opens to something else")
        for key_id in created:
            expect(key_id in now, f"the key {key_id} that was made meanwhile is lost")
        for key in now.values():
            expect(key.opened != "-", f"key {key.id} does not open")
            expect(key.provider in (source, target), f"key {key.id} is under {key.provider}")
            if key.provider == target and key.id in self.first and self.first[key.id].provider != target:
                expect((key.id, key.material) in records, f"key {key.id} has a wrapping that is not on record")
        self.keys.update(now)
        return now

    def leg(self, line, wanted_kills, journals, source, target):
        """Runs line until it comes through, killing it up to wanted_kills times."""
        kills = 0
        creator = Creator(self.folder, self.vault, source, self.pause_ms) if "--rollback" not in line else None
        try:
            while kills < wanted_kills:
                process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                start = time.monotonic()
                try:
                    output = process.communicate(timeout=self.random.uniform(0.0, self.longest))[0]
                    expect(process.returncode == 0, f"exit {process.returncode}: {output.decode()}")
                    self.longest = max(0.2, 0.9 * (time.monotonic() - start))
                    break
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.communicate()
                    kills += 1
                self.check(journals, source, target, creator.created() if creator else [])
        finally:
            if creator:
                creator.stop()
        self.kills += kills
        done = subprocess.run(line, capture_output=True, text=True, timeout=240, check=False)
        expect(done.returncode == 0, f"exit {done.returncode}: {done.stdout}{done.stderr}")
        return self.check(journals, source, target, [])

    def run(self):
        source, target = "local", "local:other"
        while self.kills < KILLS:
            self.legs += 1
            self.first = open_keys(self.folder, self.vault)
            journal = f"journal-{self.legs}"
            line = migrate_line(self.folder, self.vault, source, target, journal)
            now = self.leg(line, min(5, KILLS - self.kills), [journal], source, target)
            expect_equal(count(now, source), 0, f"keys under {source} after leg {self.legs}")
            if self.legs % 3 == 0:
                back = self.leg([*line, "--rollback"], min(4, KILLS - self.kills), [journal], source, target)
                expect_equal(count(back, target), 0, "keys that were not put back")
            else:
                source, target = target, source


def hunt(folder, vault, pause_ms):
    h = Hunt(folder, vault, pause_ms)
    h.run()
    print(f"# seed {SEED}: {h.kills} kills in {h.legs} migrations, {len(h.keys)} keys at the end", flush=True)


def case_killed_file():
    with Folder() as folder:
        hunt(folder, folder.fill("vault.json", KEYS), 250)


def case_killed_server():
    with fgtest.Server(module=False) as server, Folder() as folder:
        vault = f"{server.uri}/?ns=encryption.__keyVault"
        made = subprocess.run([KEY_TOOL, vault_for_tool(vault), folder.kms, "create", "local", str(KEYS)], capture_output=True, text=True, timeout=240, check=False)
        expect(made.returncode == 0, made.stderr)
        hunt(folder, vault, 20)


# --- a KMS over TLS -----------------------------------------------------------------------------------------------------


class Kms(http.server.BaseHTTPRequestHandler):
    """AWS's Encrypt and Decrypt, without their signatures: wrapping turns a key round. throttle: every so many requests are told to slow down; fail_after: so many are answered."""

    protocol_version = "HTTP/1.1"
    lock = threading.Lock()
    seen = throttled = throttle = fail_after = 0
    status = 500

    def log_message(self, *args):
        pass

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with Kms.lock:
            Kms.seen += 1
            seen = Kms.seen
        if Kms.fail_after and seen > Kms.fail_after:
            return self.answer(Kms.status, {"message": "out of order"})
        if Kms.throttle and seen % Kms.throttle == 0:
            Kms.throttled += 1
            if seen % 2:
                return self.answer(429, {"message": "Too Many Requests"})
            return self.answer(400, {"__type": "ThrottlingException", "message": "Rate exceeded"})
        if self.headers["X-Amz-Target"] == "TrentService.Encrypt":
            plain = base64.b64decode(request["Plaintext"])
            return self.answer(200, {"CiphertextBlob": base64.b64encode(b"wrapped:" + plain[::-1]).decode(), "KeyId": request["KeyId"]})
        return self.answer(200, {"Plaintext": base64.b64encode(base64.b64decode(request["CiphertextBlob"])[8:][::-1]).decode()})


class TlsServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


@contextlib.contextmanager
def aws(throttle=0, fail_after=0, status=500):
    """A folder whose kmsProviders know aws:main, and the masterKey file for it."""
    if not shutil.which("openssl"):
        raise Skip("no openssl command to make a certificate with")
    with Folder() as folder:
        pem = folder.file("server.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder.file("server.key"), "-out", folder.file("server.crt"), "-subj", "/CN=kms", "-days", "2",
                        "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        with open(pem, "w", encoding="ascii") as out:
            for part in ("server.crt", "server.key"):
                with open(folder.file(part), encoding="ascii") as f:
                    out.write(f.read())
        Kms.seen = Kms.throttled = 0
        Kms.throttle, Kms.fail_after, Kms.status = throttle, fail_after, status
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        server = TlsServer(("127.0.0.1", 0), Kms)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with open(folder.kms, encoding="utf-8") as f:
            providers = json.load(f)
        providers["aws:main"] = {"accessKeyId": "AKIDEXAMPLE", "secretAccessKey": "topsecret"}
        providers["tlsOptions"] = {"aws:main": {"tlsCAFile": folder.file("server.crt")}}
        folder.write("kms.json", providers)
        folder.master = folder.write("master.json", {"region": "eu-west-1", "key": "arn:aws:kms:eu-west-1:1:key/k", "endpoint": f"127.0.0.1:{server.server_address[1]}"})
        try:
            yield folder
        finally:
            server.shutdown()
            server.server_close()


def documents(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def case_aws_killed_and_resumed():
    with aws() as folder:
        vault = folder.fill("vault.json", 40)
        before = open_keys(folder, vault)
        line = migrate_line(folder, vault, "local", "aws:main", "j", "--master-key", folder.master, "--rate", "60/s")
        for _ in range(3):
            process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            time.sleep(0.5)
            process.kill()
            process.communicate()
        r = report(folder, vault, "local", "aws:main", "j", "--master-key", folder.master)
        expect(r["complete"] and r["left"] == 0 and r["moved"] + r["movedBefore"] == 40, r)
        expect(all(d["masterKey"]["provider"] == "aws:main" and d["masterKey"]["region"] == "eu-west-1" for d in documents(vault)), "master keys")
        r = report(folder, vault, "local", "aws:main", "j", "--master-key", folder.master, "--rollback")
        expect(r["complete"] and r["movedBack"] == 40, r)
        after = open_keys(folder, vault)
        expect_equal({k.id: k.opened for k in after.values()}, {k.id: k.opened for k in before.values()}, "keys after the rollback")
        expect_equal({k.material for k in after.values()}, {k.material for k in before.values()}, "wrappings after the rollback")


def case_aws_throttles():
    with aws(throttle=6) as folder:
        vault = folder.fill("vault.json", 30)
        r = report(folder, vault, "local", "aws:main", "j", "--master-key", folder.master)
        expect(r["complete"] and r["moved"] == 30 and Kms.throttled >= 5, f"{r}, {Kms.throttled} throttled")
        expect(r["throttled"] > 0, r)


def case_rate():
    with aws() as folder:
        vault = folder.fill("vault.json", 20)
        start = time.monotonic()
        migrate(folder, vault, "local", "aws:main", "j", "--master-key", folder.master, "--rate", "20")
        expect(time.monotonic() - start > 1.8, "40 requests at 20 a second")
        expect_equal(Kms.seen, 40, "requests")


def case_kms_fails_midway():
    with aws(fail_after=30) as folder:
        vault = folder.fill("vault.json", 60)
        out = migrate(folder, vault, "local", "aws:main", "j", "--master-key", folder.master, status=1)
        expect("one after another" in out and "out of order" in out and "topsecret" not in out, out)
        keys = documents(vault)
        moved = sum(d["masterKey"]["provider"] == "aws:main" for d in keys)
        expect(5 < moved <= 15, f"{moved} moved")
        Kms.fail_after = 0
        r = report(folder, vault, "local", "aws:main", "j", "--master-key", folder.master)
        expect(r["complete"] and r["moved"] == 60 - moved and r["movedBefore"] == moved, r)


def case_kms_is_gone_when_rolling_back():
    with aws() as folder:
        vault = folder.fill("vault.json", 20)
        before = open_keys(folder, vault)
        migrate(folder, vault, "local", "aws:main", "j", "--master-key", folder.master)
        Kms.fail_after, Kms.status = 1, 403
        start = time.monotonic()
        r = report(folder, vault, "local", "aws:main", "j", "--master-key", folder.master, "--rollback")
        expect(r["complete"] and r["movedBack"] == 20 and time.monotonic() - start < 20, r)
        expect_equal({k.id: k.opened for k in open_keys(folder, vault).values()}, {k.id: k.opened for k in before.values()}, "keys")


def case_dry_run():
    with Folder() as folder:
        vault = folder.fill("vault.json", 10)
        with open(vault, encoding="utf-8") as f:
            before = f.read()
        r = report(folder, vault, "local", "local:other", "j", "--dry-run")
        expect(r["wouldMove"] == 10 and r["left"] == 0, r)
        with open(vault, encoding="utf-8") as f:
            expect_equal(f.read(), before, "the vault after a dry run")
        expect_equal(sorted(os.listdir(folder.path)), ["kms.json", "vault.json"], "files after a dry run")


def case_keys_that_do_not_open():
    with Folder() as folder, Folder() as stranger:
        vault = folder.fill("vault.json", 5)
        stranger.fill("other.json", 2)
        with open(vault, "a", encoding="utf-8") as out, open(stranger.file("other.json"), encoding="utf-8") as f:
            out.write(f.read())
        for dry in ((), ("--dry-run",)):
            out = migrate(folder, vault, "local", "local:other", "j", "--json", *dry, status=1)
            problems = [json.loads(line) for line in out.splitlines() if "problem" in line]
            expect(len(problems) == 2 and all(p["problem"] == "not opened" and "master key" in p["why"] for p in problems), out)
        # The rest has been moved by the first run; these two stay what they are.
        expect_equal(sum(d["masterKey"]["provider"] == "local" for d in documents(vault)), 2, "keys left")
        out = migrate(folder, vault, "local", "local:other", "j", status=1)
        expect("could not be moved" in out and "not opened" in out, out)


def case_filter():
    with Folder() as folder:
        vault = folder.fill("vault.json", 3)
        one = documents(vault)[1]["_id"]
        r = report(folder, vault, "local", "local:other", "j", "--filter", json.dumps({"_id": one}))
        expect(r["moved"] == 1 and r["complete"], r)
        expect_equal([d["masterKey"]["provider"] for d in documents(vault)], ["local", "local:other", "local"], "providers")
        out = migrate(folder, vault, "local", "local:other", "j", status=2)
        expect("belongs to another migration" in out and "`filter`" in out, out)


# --- journals and backups -----------------------------------------------------------------------------------------------


def case_backup_is_never_replaced():
    with Folder() as folder:
        vault = folder.fill("vault.json", 3)
        folder.write("b.json", {"mine": 1})
        out = migrate(folder, vault, "local", "local:other", "j", "--backup", folder.file("b.json"), status=2)
        expect("exists" in out and "b.json" in out, out)
        expect(not os.path.exists(folder.file("j")), "the journal of a run that was refused")
        expect_equal(count(open_keys(folder, vault), "local"), 3, "keys under local")
        migrate(folder, vault, "local", "local:other", "j", "--backup", folder.file("c.bson"))
        expect_equal(os.stat(folder.file("c.bson")).st_mode & 0o777, 0o600, "the backup's mode")
        expect_equal(os.stat(folder.file("j")).st_mode & 0o777, 0o600, "the journal's mode")
        expect_equal(count(open_keys(folder, folder.file("c.bson")), "local"), 3, "keys in the backup, opened as a vault")


def half_moved(folder, vault, kills=1):
    """Kills a migration at its middle; returns how many keys it had moved."""
    for _ in range(50):
        process = subprocess.Popen(migrate_line(folder, vault, "local", "local:other", "j", "--backup", folder.file("b")), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        while process.poll() is None:
            try:
                with open(folder.file("j"), "rb") as f:
                    if b'"stored"' in f.read():
                        break
            except FileNotFoundError:
                pass
        process.kill()
        process.communicate()
        moved = count(open_keys(folder, vault), "local:other")
        if 0 < moved < KEYS:
            return moved
        migrate(folder, vault, "local", "local:other", "j", "--backup", folder.file("b"))
        migrate(folder, vault, "local", "local:other", "j", "--backup", folder.file("b"), "--rollback")
        os.unlink(folder.file("j"))
        os.unlink(folder.file("b"))
    raise Skip("the migration was always faster than the kill")


def case_torn_and_truncated_journal():
    with Folder() as folder:
        vault = folder.fill("vault.json", KEYS)
        before = open_keys(folder, vault)
        half_moved(folder, vault)
        with open(folder.file("j"), "rb") as f:
            lines = f.read().split(b"\n")[:-1]
        # A torn last line is cut off, and said.
        with open(folder.file("j"), "wb") as f:
            f.write(b"\n".join(lines) + b"\n" + lines[-1][: len(lines[-1]) // 2])
        r = report(folder, vault, "local", "local:other", "j", "--backup", folder.file("b"))
        expect(r["complete"] and r["left"] == 0, r)
        with open(folder.file("j"), "rb") as f:
            whole = f.read()
        # A line changed in the middle: refused, nothing touched.
        damaged = bytearray(whole)
        damaged[len(damaged) // 2] ^= 1
        with open(folder.file("j"), "wb") as f:
            f.write(damaged)
        out = migrate(folder, vault, "local", "local:other", "j", "--backup", folder.file("b"), "--rollback", status=2)
        expect("the journal is damaged: line" in out, out)
        # A journal that lost its end still rolls everything back: what it does not know stands in the backup.
        with open(folder.file("j"), "wb") as f:
            f.write(b"\n".join(lines[:30]) + b"\n")
        r = report(folder, vault, "local", "local:other", "j", "--backup", folder.file("b"), "--rollback")
        expect(r["complete"] and r["movedBack"] == KEYS, r)
        after = open_keys(folder, vault)
        expect_equal({k.id: k.material for k in after.values()}, {k.id: k.material for k in before.values()}, "wrappings after the rollback")


def case_journal_of_another():
    with Folder() as folder:
        vault = folder.fill("vault.json", 3)
        other = folder.fill("other.json", 3)
        migrate(folder, vault, "local", "local:other", "j")
        for arguments, word in (((other, "local", "local:other"), "`vault`"), ((vault, "local:other", "local"), "`from`")):
            for rollback in ((), ("--rollback",)):
                out = migrate(folder, *arguments, "j", *rollback, status=2)
                expect("belongs to another migration" in out and word in out, out)
        for text, word in (("my notes\n", "is damaged"), ("my notes", "is no journal"), ('{"mine": 1}', "is no journal")):
            with open(folder.file("text"), "w", encoding="utf-8") as f:
                f.write(text)
            out = migrate(folder, vault, "local", "local:other", "text", status=2)
            expect(word in out, out)
            with open(folder.file("text"), encoding="utf-8") as f:
                expect_equal(f.read(), text, "somebody's file")


def case_journal_in_use():
    with aws() as folder:
        vault = folder.fill("vault.json", 100)
        line = migrate_line(folder, vault, "local", "aws:main", "j", "--master-key", folder.master, "--rate", "5")
        first = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        while not os.path.exists(folder.file("j.backup")):
            time.sleep(0.01)
        out = migrate(folder, vault, "local", "aws:main", "j", "--master-key", folder.master, status=2)
        expect("another process has the journal" in out, out)
        # A request to stop ends it after what is under way; it can go on.
        first.send_signal(signal.SIGTERM)
        out = first.communicate(timeout=30)[0]
        expect(first.returncode == 1 and "stopped" in out and "ended early" in out, f"{first.returncode}: {out}")
        r = report(folder, vault, "local", "aws:main", "j", "--master-key", folder.master)
        expect(r["complete"] and r["moved"] + r["movedBefore"] == 100, r)


class SmallDisk:
    def __init__(self, size):
        self.size = size

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="fieldguard-full-")
        result = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.size}", "tmpfs", self.path], capture_output=True, text=True, check=False)
        if result.returncode:
            os.rmdir(self.path)
            raise Skip(f"cannot mount a tmpfs here: {result.stderr.strip()}")
        return self

    def __exit__(self, *args):
        subprocess.run(["umount", "-l", self.path], check=False)
        os.rmdir(self.path)


def case_full_disk():
    with SmallDisk("128k") as disk, Folder() as folder:
        vault = folder.fill("vault.json", 300)
        # No room for the backup: nothing was begun.
        out = migrate(folder, vault, "local", "local:other", "j", "--backup", os.path.join(disk.path, "b"), status=2)
        expect("No space left" in out and os.listdir(disk.path) == [], out)
        expect(not os.path.exists(folder.file("j")), "the journal of a run that was refused")
        expect_equal(count(open_keys(folder, vault), "local"), 300, "keys under local")
        # Room for a part of the journal: what is on record is moved, and nothing else.
        journal = os.path.join(disk.path, "j")
        out = migrate(folder, vault, "local", "local:other", journal, "--backup", folder.file("b"), status=1)
        expect("No space left" in out and "cannot write the journal" in out, out)
        keys = open_keys(folder, vault)
        records = wrapped_records(journal)
        moved = count(keys, "local:other")
        expect(0 < moved < 300, f"{moved} moved")
        expect(all(k.opened != "-" for k in keys.values()), "every key opens")
        expect(all((k.id, k.material) in records for k in keys.values() if k.provider == "local:other"), "every new wrapping is on record")
        # With room it goes on.
        subprocess.run(["mount", "-o", "remount,size=4m", disk.path], check=True)
        r = report(folder, vault, "local", "local:other", journal, "--backup", folder.file("b"))
        expect(r["complete"] and r["moved"] == 300 - moved, r)


def case_vault_that_changes():
    """Another client rewraps all the while: compare-and-set is lost now and then, and no key is."""
    with Folder() as folder:
        vault = folder.fill("vault.json", 300)
        before = open_keys(folder, vault)
        stop = threading.Event()
        trouble = []

        def rewrap():
            while not stop.is_set():
                done = subprocess.run([FIELDGUARD, "keys", "rewrap", "--key-vault", vault, "--kms-providers", folder.kms, "--filter", '{"masterKey.provider": "local"}'],
                                      capture_output=True, text=True, timeout=60, check=False)
                if done.returncode == 2:
                    trouble.append(done.stderr)

        other = threading.Thread(target=rewrap)
        other.start()
        try:
            r = report(folder, vault, "local", "local:other", "j")
        finally:
            stop.set()
            other.join()
        expect(r["complete"] and r["left"] == 0 and not trouble, f"{r} {trouble}")
        after = open_keys(folder, vault)
        expect_equal(count(after, "local:other"), 300, "keys moved")
        expect_equal({k.id: k.opened for k in after.values()}, {k.id: k.opened for k in before.values()}, "keys")


def case_rewrap_with_a_journal():
    with Folder() as folder:
        vault = folder.fill("vault.json", 4)
        before = open_keys(folder, vault)
        line = [FIELDGUARD, "keys", "rewrap", "--key-vault", vault, "--kms-providers", folder.kms, "--journal", folder.file("j"), "--json"]
        for moved in (4, 0):
            done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
            expect(done.returncode == 0 and json.loads(done.stdout)["moved"] == moved, done.stdout + done.stderr)
        after = open_keys(folder, vault)
        expect(all(after[i].material != k.material and after[i].opened == k.opened and after[i].provider == "local" for i, k in before.items()), "rewrapped in place")


def case_usage():
    with Folder() as folder:
        vault = folder.fill("vault.json", 1)
        for line in (["--from", "local"], ["--to", "local:other"], ["--from", "local", "--to", "local:other", "--parallel", "0"], ["--from", "local", "--to", "local:other", "--rate", "fast"],
                     ["--from", "local", "--to", "local:other", "--dry-run", "--rollback"], ["--from", "local", "--to", "local:other", "--filter", "{"],
                     ["--from", "local", "--to", "local:other", "--master-key", folder.file("none")], ["--from", "local", "--to", "local:other", "more"]):
            done = subprocess.run([FIELDGUARD, "keys", "migrate", "--key-vault", vault, "--kms-providers", folder.kms, *line], capture_output=True, text=True, timeout=60, check=False)
            expect(done.returncode == 2 and done.stderr.startswith("fieldguard: "), f"{line}: {done.returncode} {done.stderr}")
        done = subprocess.run([FIELDGUARD, "keys", "migrate", "--help"], capture_output=True, text=True, timeout=60, check=False)
        expect(done.returncode == 0 and "--rollback" in done.stdout, done.stdout)
        expect_equal(sorted(os.listdir(folder.path)), ["kms.json", "vault.json"], "files after refusals")
        # A provider that is not configured moves nothing.
        out = migrate(folder, vault, "local", "aws", "j", status=1)
        expect("not configured" in out, out)
        out = migrate(folder, vault, "local", "local:other", "j", "--rollback", status=2)
        expect("belongs to another" in out, out)
        out = migrate(folder, vault, "local", "local:other", "none", "--rollback", status=2)
        expect("needs the journal" in out, out)


if __name__ == "__main__":
    fgtest.main(globals(), "keys-migrate")
