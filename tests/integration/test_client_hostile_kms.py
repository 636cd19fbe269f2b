#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every provider against a KMS (and a token service) that lies, stalls, truncates, floods, redirects, throttles, fails, or shows an expired or foreign certificate: a clear error, in
bounded time and memory, nothing put out and nothing written."""

import base64
import concurrent.futures
import json
import os
import re
import resource
import socket
import ssl
import struct
import sys
import tempfile
import threading
import time

import fgtest
import test_client_kms as kms

TIMEOUT_MS = 1000
lock = threading.Lock()
failures = 0


def report(name, ok, why=""):
    global failures
    with lock:
        print(f"ok client-hostile-kms.{name}" if ok else f"not ok client-hostile-kms.{name} - {' '.join(str(why).split())}", flush=True)
        failures += not ok


# mode: (requests at most, words of the error)
MODES = {
    "stall": (3, "imed out"),
    "huge": (1, "larger than 65536 bytes"),
    "redirect": (1, "redirects are not followed"),
    "garbage": (3, ""),
    "truncated": (3, ""),
    "cut-json": (1, "is no JSON"),
    "html": (1, "is no JSON"),
    "empty": (1, ""),
    "status-429": (3, "429"),
    "status-500": (3, "500"),
    "status-404": (1, "404"),
    "hang-up": (3, ""),
    "endless-headers": (3, ""),
    "drip": (3, "imed out"),
}


class Hostile(kms.Kms):
    """mode as above; where: "key" or "token", the requests that it is for."""

    mode = "good"
    where = "key"
    seen = 0

    def do_POST(self):
        cls = type(self)
        if cls.mode == "good" or (cls.where == "token") != self.path.endswith("/token"):
            return super().do_POST()
        cls.seen += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        self.close_connection = True
        try:
            return getattr(self, "mode_" + cls.mode.split("-")[0])()
        except OSError:
            return None

    def mode_stall(self):
        time.sleep(TIMEOUT_MS / 1000 + 1)

    def mode_huge(self):
        self.answer(200, b" " * 10_000_000)

    def mode_redirect(self):
        self.answer(302, b"", [("Location", "https://127.0.0.2/")])

    def mode_garbage(self):
        self.wfile.write(b"not HTTP at all\r\n\r\n")

    def mode_truncated(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"Plaintext\"")

    def mode_cut(self):
        self.answer(200, b'{"Plaintext": "AAAA')

    def mode_html(self):
        self.answer(200, b"<html>Welcome to the hotel's network</html>", [("Content-Type", "text/html")])

    def mode_empty(self):
        self.answer(200, b"{}")

    def mode_status(self):
        self.answer(int(type(self).mode.split("-")[1]), b'{"message":"no"}')

    def mode_hang(self):
        self.connection.close()

    def mode_endless(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for _ in range(20000):
            self.wfile.write(b"X-More: " + b"y" * 100 + b"\r\n")

    def mode_drip(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(40):
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.1)


def serve(handler, pem="server.pem"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = kms.QuietServer(("127.0.0.1", 0), handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Case:
    """One provider: its server, its files."""

    def __init__(self, name, config, master, handler=None, tls=None):
        self.name, self.config, self.master, self.handler = name, config, master, handler
        self.tls = tls or {"tlsCAFile": os.path.abspath("ca.crt")}
        self.vault = f"{name}-vault.json"
        self.write_kms(self.tls)
        kms.write(f"{name}-master.json", master)
        self.common = ("--key-vault", self.vault, "--kms-providers", f"{name}-kms.json", "--kms-timeout", str(TIMEOUT_MS))
        status, _, err, _ = self.create()
        sealed = kms.run("encrypt", *self.common, "--key-alt-name", "k", "--algorithm", "Random", stdin='{"v": "a value"}\n')
        report(f"{name}-set-up", status == 0 and sealed[0] == 0, err + sealed[2])
        self.sealed = sealed[1]

    def write_kms(self, tls):
        both = {self.name: self.config, f"{self.name}:new": self.config, "local": {"key": "AAAA" * 32}}
        kms.write(f"{self.name}-kms.json", dict(both, tlsOptions={n: tls for n in both if n != "local"}))

    def create(self):
        return kms.run("keys", "create", *self.common, "--provider", self.name, "--master-key", f"{self.name}-master.json", *([] if os.path.exists(self.vault) else ["--key-alt-name", "k"]))

    def contents(self):
        with open(self.vault, "rb") as f:
            return f.read()

    def refuses(self, label, words="", limit=12):
        """Unwrapping, wrapping and rewrapping fail, soon, and leave everything as it was."""
        before = self.contents()
        runs = {
            "decrypt": kms.run("decrypt", *self.common, stdin=self.sealed),
            "create": self.create(),
            "rewrap": kms.run("keys", "rewrap", *self.common, "--provider", "local"),
        }
        for what, (status, out, err, seconds) in runs.items():
            good = status == 2 and "a value" not in out and re.search(words, err) and seconds < limit and f"KMS provider {self.name}" in err
            quiet = kms.SECRET not in err and "hvs.token" not in err and kms.AZURE_SECRET not in err and "TOKEN" not in err
            report(f"{self.name}-{label}-{what}", good and quiet and self.contents() == before, f"status {status}, {seconds:.1f} s: {err}")


def http_case(name, configured):
    handler = type("Hostile_" + name, (Hostile,), {})
    server = serve(handler)
    port = server.server_address[1]
    if name == "aws":
        config, master = kms.AWS, {"region": "eu-west-1", "key": "arn:aws:kms:eu-west-1:1:key/k", "endpoint": f"127.0.0.1:{port}"}
    else:
        config, master = configured(port)[name]
    case = Case(name, config, master, handler)
    for where in ("key", "token") if name in ("azure", "gcp") else ("key",):
        for mode, (requests, words) in MODES.items():
            if where == "token" and mode not in ("stall", "huge", "redirect", "html", "empty", "status-500"):
                continue
            handler.mode, handler.where, handler.seen = mode, where, 0
            case.refuses(mode if where == "key" else f"token-{mode}", words)
            if handler.seen > 3 * requests:
                report(f"{name}-{mode}-attempts", False, f"{handler.seen} requests in three runs")
    handler.mode = "good"
    certificates(case, port)
    server.shutdown()


def certificates(case, port):
    """The same port cannot show another certificate: the key documents are pointed to other ones."""
    for label, pem, ca in (("expired", "expired.pem", "ca"), ("wrong-host", "elsewhere.pem", "ca"), ("unknown-ca", "server.pem", "other-ca")):
        bad = serve(type("Good", (Hostile,), {}), pem)
        with open(case.vault, encoding="utf-8") as f:
            vault = f.read()
        master, config = json.dumps(case.master), json.dumps(case.config)
        other = str(bad.server_address[1])
        with open(case.vault, "w", encoding="utf-8") as f:
            f.write(vault.replace(str(port), other))
        kms.write(f"{case.name}-master.json", json.loads(master.replace(str(port), other)))
        case.config = json.loads(config.replace(str(port), other))
        case.write_kms({"tlsCAFile": os.path.abspath(f"{ca}.crt")})
        case.refuses(label, "ertificate")
        case.config = json.loads(config)
        with open(case.vault, "w", encoding="utf-8") as f:
            f.write(vault)
        bad.shutdown()


def lies():
    """A KMS whose answers have the right shape: another key unwrapped; a wrapping that opens to something else, which rewrapping notices before it replaces anything."""

    class Liar(kms.Kms):
        lie = ""

        def answer(self, status, body, headers=()):
            reply = json.loads(body)
            if self.lie == "wrap" and "CiphertextBlob" in reply:
                reply["CiphertextBlob"] = base64.b64encode(b"wrapped:" + bytes(range(96))).decode()
            if self.lie == "unwrap" and "Plaintext" in reply:
                reply["Plaintext"] = "AAAA" * 32
            if self.lie == "short" and "Plaintext" in reply:
                reply["Plaintext"] = "AAAA" * 8
            super().answer(status, json.dumps(reply).encode(), headers)

    server = serve(Liar)
    master = {"region": "eu-west-1", "key": "arn:aws:kms:eu-west-1:1:key/k", "endpoint": f"127.0.0.1:{server.server_address[1]}"}
    case = Case("aws", kms.AWS, master)
    case.common = ("--key-vault", case.vault, "--kms-providers", "aws-kms.json")
    before = case.contents()
    Liar.lie = "unwrap"
    status, out, err, _ = kms.run("decrypt", *case.common, stdin=case.sealed)
    report("lie-another-key", status == 2 and out == "" and "authentication tag does not verify" in err, err)
    Liar.lie = "short"
    status, out, err, _ = kms.run("decrypt", *case.common, stdin=case.sealed)
    report("lie-short-key", status == 2 and out == "" and "24 bytes, not 96" in err, err)
    Liar.lie = "wrap"
    status, out, err, _ = kms.run("keys", "rewrap", *case.common, "--provider", "aws:new", "--master-key", "aws-master.json")
    report("lie-rewrap", status == 2 and "opens to another key" in err and case.contents() == before, err)
    server.shutdown()


class HostileKmip(kms.Kmip):
    """Modes that the parent does not have."""

    def reply(self, message):
        good = super().reply(message)
        if self.mode == "garbage":
            return b"HTTP/1.1 400 Bad Request\r\n\r\n" * 4
        if self.mode == "empty":
            return kms.item(0x42007B, 1, b"")
        if self.mode == "deep":
            inner = b""
            for _ in range(2000):
                inner = kms.item(0x42007C, 1, inner)
            return kms.item(0x42007B, 1, inner)
        if self.mode == "wrong-length":
            return good[:4] + struct.pack(">I", len(good)) + good[8:]
        if self.mode == "denied":
            failed = kms.item(0x42007F, 5, struct.pack(">I", 1)) + kms.item(0x42007E, 5, struct.pack(">I", 12)) + kms.item(0x42007D, 7, b"you may not")
            return kms.item(0x42007B, 1, kms.item(0x42000F, 1, failed))
        return good


def kmip_case():
    server = HostileKmip("ca")
    server.start()
    tls = {"tlsCAFile": os.path.abspath("ca.crt"), "tlsCertificateKeyFile": os.path.abspath("client.pem")}
    case = Case("kmip", {"endpoint": f"127.0.0.1:{server.port}"}, {}, tls=tls)
    for mode, words in (("stall", "timed out"), ("huge", "no KMIP message of at most|timed out"), ("truncated", ""), ("garbage", ""), ("empty", ""), ("deep", ""), ("wrong-length", ""), ("denied", "you may not")):
        server.mode = mode
        case.refuses(mode, words)
    server.mode = "good"
    case.write_kms(dict(tls, tlsCAFile=os.path.abspath("other-ca.crt")))
    case.refuses("unknown-ca", "ertificate")
    for label, pem in (("expired", "expired.pem"), ("wrong-host", "elsewhere.pem")):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=accept_all, args=(listener, context), daemon=True).start()
            case.config = {"endpoint": f"127.0.0.1:{listener.getsockname()[1]}"}
            case.write_kms(tls)
            case.refuses(label, "ertificate")


def accept_all(listener, context):
    while True:
        try:
            connection, _ = listener.accept()
            context.wrap_socket(connection, server_side=True).close()
        except OSError:
            if listener.fileno() < 0:
                return


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        kms.certificate("ca", None)
        kms.certificate("other-ca", None)
        kms.certificate("server", "IP:127.0.0.1", ca="ca")
        kms.certificate("elsewhere", "DNS:elsewhere.example.com", ca="ca")
        kms.certificate("expired", "IP:127.0.0.1", days="-1", ca="ca")
        kms.certificate("client", "DNS:client", ca="ca")
        cases = {name: (config, master) for name, config, master in kms.provider_cases(1)}

        def configured(port):
            """The same configurations (one service account's key), at this port."""
            return json.loads(json.dumps(cases).replace('127.0.0.1:1"', f'127.0.0.1:{port}"'))

        with concurrent.futures.ThreadPoolExecutor(5) as pool:
            jobs = [pool.submit(http_case, name, configured) for name in ("aws", "azure", "gcp", "vault")] + [pool.submit(kmip_case)]
            for job in jobs:
                try:
                    job.result()
                except Exception as e:  # a test reports whatever went wrong
                    report("run", False, f"{type(e).__name__}: {e}")
        os.mkdir("lies")
        for name in ("ca.crt", "server.pem"):
            os.symlink(os.path.abspath(name), os.path.join("lies", name))
        os.chdir("lies")
        lies()
        largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        if not fgtest.SANITIZED:
            report("memory", largest < 150_000, f"{largest} KiB")
        os.chdir("/")
    sys.exit(1 if failures else 0)


main()
