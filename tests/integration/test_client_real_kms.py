#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command and the library against key management services that somebody else wrote, over TLS on loopback: AWS KMS as moto has it, PyKMIP's server (plain and delegated),
HashiCorp Vault's Transit engine and AppRole method (behind an HTTP front of ours, tests/integration/real_kms/transit). For Azure and Google no registry has an emulator: servers of
the tests' own, Azure's with real RSA-OAEP-256."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import fgtest
import test_client_kms as kms

CLIENT = os.path.join(fgtest.BUILD, "tests", "clients", "kms_client")
VENV = os.path.join(fgtest.CLIENTS, "venv", "bin")
failures = 0


def report(name, ok, why=""):
    global failures
    print(f"ok client-real-kms.{name}" if ok else f"not ok client-real-kms.{name} - {' '.join(str(why).split())}", flush=True)
    failures += not ok


def skip(name, why):
    print(f"skip client-real-kms.{name} - {why}", flush=True)


def missing(name, path):
    """Why a part is not there, or None."""
    if os.path.exists(path):
        return None
    try:
        with open(os.path.join(fgtest.CLIENTS, f"{name}.missing"), encoding="utf-8") as f:
            return f.read().strip()
    except OSError:
        return "not installed: run make check, or ci/clients.sh"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(process, port):
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{process.args[0]} does not listen")


def stop(process):
    process.terminate()
    process.wait(timeout=20)


def request(port, method, path, body=None, headers=()):
    """An administrator's request: makes the master keys."""
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=ssl.create_default_context(cafile="ca.crt"), timeout=30)
    connection.request(method, path, json.dumps(body) if body is not None else None, dict(headers))
    reply = connection.getresponse()
    data = reply.read()
    connection.close()
    if reply.status >= 300:
        raise AssertionError(f"{method} {path}: {reply.status} {data[:200]}")
    return json.loads(data) if data else {}


# --- what every provider must do ------------------------------------------------------------------------------------------


def keys_of(vault):
    with open(vault, encoding="utf-8") as f:
        return [json.loads(line) for line in f if line.strip()]


def spoil(vault, out):
    """The vault with a byte of the wrapped key changed: of the half that makes the tags, for KMIP's delegated wrapping is AES-CBC, which itself notices nothing."""
    keys = keys_of(vault)
    material = bytearray(base64.b64decode(keys[0]["keyMaterial"]["$binary"]["base64"]))
    material[20] ^= 1
    if material.startswith(b"vault:v"):
        text = bytes(material).split(b":")
        body = bytearray(base64.b64decode(keys_of(vault)[0]["keyMaterial"]["$binary"]["base64"]).split(b":")[2])
        body[20] = ord("A") if body[20] != ord("A") else ord("B")
        material = b":".join([text[0], text[1], bytes(body)])
    keys[0]["keyMaterial"]["$binary"]["base64"] = base64.b64encode(bytes(material)).decode()
    with open(out, "w", encoding="utf-8") as f:
        f.write(json.dumps(keys[0]) + "\n")


def exercise(name, provider, config, tls, master, other, absent=None):
    """provider: its type. master and other: two master keys. absent: one that the KMS does not have."""
    second = f"{provider}:second"
    kms.write("kms.json", {provider: config, second: config, "tlsOptions": {provider: tls, second: tls}})
    kms.write("master.json", master)
    kms.write("other.json", other)
    vault = f"{name}.json"
    common = ("--key-vault", vault, "--kms-providers", "kms.json")
    status, _, err, _ = kms.run("keys", "create", *common, "--provider", provider, "--master-key", "master.json", "--key-alt-name", "k")
    report(f"{name}-create", status == 0, err)
    status, sealed, err, _ = kms.run("encrypt", *common, "--key-alt-name", "k", "--algorithm", "Deterministic", stdin='{"v": "text"}\n')
    report(f"{name}-encrypt", status == 0, err)
    status, out, err, _ = kms.run("decrypt", *common, stdin=sealed)
    report(f"{name}-decrypt-afresh", status == 0 and json.loads(out) == {"v": "text"}, err)
    spoil(vault, "spoilt.json")
    status, out, err, _ = kms.run("decrypt", "--key-vault", "spoilt.json", "--kms-providers", "kms.json", stdin=sealed)
    report(f"{name}-altered-key-refused", status == 2 and out == "" and (f"KMS provider {provider}" in err or "tag does not verify" in err), err)
    if absent:
        with open(vault, encoding="utf-8") as f:
            before = f.read()
        kms.write("absent.json", absent)
        status, _, err, _ = kms.run("keys", "create", *common, "--provider", provider, "--master-key", "absent.json")
        with open(vault, encoding="utf-8") as f:
            report(f"{name}-absent-master-key", status == 2 and f.read() == before and f"KMS provider {provider}" in err, err)
    before = keys_of(vault)[0]
    status, out, err, _ = kms.run("keys", "rewrap", *common, "--provider", second, "--master-key", "other.json", "--json")
    after = keys_of(vault)[0]
    moved = after["masterKey"]["provider"] == second and after["keyMaterial"] != before["keyMaterial"]
    report(f"{name}-rewrap-to-named-provider", status == 0 and json.loads(out)["rewrapped"] == 1 and moved, err)
    status, out, err, _ = kms.run("decrypt", *common, stdin=sealed)
    report(f"{name}-decrypt-after-rewrap", status == 0 and json.loads(out) == {"v": "text"}, err)
    done = subprocess.run([CLIENT, f"{name}-library.json", "kms.json", provider, "master.json", second, "other.json"], capture_output=True, text=True, timeout=120, check=False)
    report(f"{name}-library", done.returncode == 0 and done.stdout == "good\n", done.stdout + done.stderr)


# --- the parts --------------------------------------------------------------------------------------------------------------


def aws():
    moto = os.path.join(VENV, "moto_server")
    why = missing("kms", moto)
    if why:
        return skip("aws", why)
    port = free_port()
    with open("moto.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen([moto, "-H", "127.0.0.1", "-p", str(port), "-c", "server.crt", "-k", "server.key"], stdout=log, stderr=log)
    try:
        wait_for_port(process, port)
        scope = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/eu-west-1/kms/aws4_request, SignedHeaders=host, Signature=0"
        headers = {"X-Amz-Target": "TrentService.CreateKey", "Content-Type": "application/x-amz-json-1.1", "Authorization": scope}
        arns = [request(port, "POST", "/", {}, headers)["KeyMetadata"]["Arn"] for _ in range(2)]
        here = f"127.0.0.1:{port}"
        one, two = ({"region": "eu-west-1", "key": arn, "endpoint": here} for arn in arns)
        absent = {"region": "eu-west-1", "key": arns[0][:-4] + "0000", "endpoint": here}
        exercise("aws-moto", "aws", kms.AWS, {"tlsCAFile": os.path.abspath("ca.crt")}, one, two, absent)
    finally:
        stop(process)


def kmip():
    pykmip = os.path.join(VENV, "pykmip-server")
    why = missing("kms", pykmip)
    if why:
        return skip("kmip", why)
    port = free_port()
    settings = {
        "hostname": "127.0.0.1", "port": port, "certificate_path": os.path.abspath("server.crt"), "key_path": os.path.abspath("server.key"), "ca_path": os.path.abspath("ca.crt"),
        "auth_suite": "TLS1.2", "enable_tls_client_auth": False, "policy_path": os.path.abspath("policies"), "database_path": os.path.abspath("pykmip.db"),
    }
    os.mkdir("policies")
    with open("pykmip.conf", "w", encoding="utf-8") as f:
        f.write("[server]\n" + "".join(f"{k}={v}\n" for k, v in settings.items()))
    with open("pykmip.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen([pykmip, "-f", "pykmip.conf", "-l", os.path.abspath("pykmip-server.log")], stdout=log, stderr=log)
    try:
        wait_for_port(process, port)
        tls = {"tlsCAFile": os.path.abspath("ca.crt"), "tlsCertificateKeyFile": os.path.abspath("client.pem")}
        config = {"endpoint": f"127.0.0.1:{port}"}
        exercise("kmip-pykmip", "kmip", config, tls, {}, {}, {"keyId": "4711"})
        exercise("kmip-pykmip-delegated", "kmip", config, tls, {"delegated": True}, {"delegated": True}, {"keyId": "4711", "delegated": True})
    finally:
        stop(process)


def vault():
    server = os.path.join(fgtest.CLIENTS, "transit", "transit")
    why = missing("transit", server)
    if why:
        return skip("vault", why)
    process = subprocess.Popen([server, "server.crt", "server.key"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        started = json.loads(process.stdout.readline())
        port, root = started["port"], {"X-Vault-Token": started["token"]}
        for key in ("one", "two"):
            request(port, "POST", f"/v1/transit/keys/{key}", {}, root)
        request(port, "POST", "/v1/auth/approle/role/app", {"token_ttl": "10m"}, root)
        role = request(port, "GET", "/v1/auth/approle/role/app/role-id", None, root)["data"]["role_id"]
        secret = request(port, "POST", "/v1/auth/approle/role/app/secret-id", {}, root)["data"]["secret_id"]
        tls = {"tlsCAFile": os.path.abspath("ca.crt")}
        here = f"127.0.0.1:{port}"
        exercise("vault-transit", "vault", {"endpoint": here, "token": started["token"]}, tls, {"key": "one"}, {"key": "two"})
        exercise("vault-approle", "vault", {"endpoint": here, "roleId": role, "secretId": secret}, tls, {"key": "one"}, {"key": "two"}, {"key": "absent", "mount": "elsewhere"})
        kms.write("kms.json", {"vault": {"endpoint": here, "roleId": role, "secretId": "wrong"}, "tlsOptions": {"vault": tls}})
        kms.write("master.json", {"key": "one"})
        status, _, err, _ = kms.run("keys", "create", "--key-vault", "new.json", "--kms-providers", "kms.json", "--provider", "vault", "--master-key", "master.json")
        report("vault-approle-wrong-secret", status == 2 and "invalid role or secret ID" in err and not os.path.exists("new.json"), err)
    finally:
        process.stdin.close()
        process.wait(timeout=20)


class Azure(kms.Kms):
    """Key Vault's wrapkey and unwrapkey with RSA-OAEP-256 by OpenSSL, and the tenant's token."""

    def oaep(self, key, operation, data):
        options = [x for o in ("rsa_padding_mode:oaep", "rsa_oaep_md:sha256", "rsa_mgf1_md:sha256") for x in ("-pkeyopt", o)]
        done = subprocess.run(["openssl", "pkeyutl", operation, "-inkey", key, *options], input=data, capture_output=True, check=False)
        return done.stdout if done.returncode == 0 else None

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/tenant/"):
            good = kms.token_request_is_good(self.path, dict(urllib.parse.parse_qsl(body.decode())))
            return self.answer(200 if good else 401, b'{"access_token":"TOKEN","expires_in":3600}' if good else b"{}")
        parts = urllib.parse.urlsplit(self.path).path.split("/")
        key = f"azure-{parts[2]}.pem"
        if self.headers["Authorization"] != "Bearer TOKEN" or not os.path.exists(key):
            return self.answer(404, b'{"error":{"code":"KeyNotFound","message":"no such key"}}')
        value = json.loads(body)
        if value["alg"] != "RSA-OAEP-256":
            return self.answer(400, b'{"error":{"message":"algorithm"}}')
        out = self.oaep(key, "-encrypt" if parts[4] == "wrapkey" else "-decrypt", kms.unpadded(value["value"]))
        if out is None:
            return self.answer(400, b'{"error":{"code":"BadParameter","message":"cannot be unwrapped"}}')
        return self.answer(200, json.dumps({"kid": "k", "value": base64.urlsafe_b64encode(out).decode().rstrip("=")}).encode())


def serve(handler):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("server.pem")
    server = kms.QuietServer(("127.0.0.1", 0), handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def azure():
    for key in ("one", "two"):
        kms.openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", f"azure-{key}.pem")
    server = serve(Azure)
    here = f"127.0.0.1:{server.server_address[1]}"
    config = {"tenantId": "tenant", "clientId": "client", "clientSecret": kms.AZURE_SECRET, "identityPlatformEndpoint": here}
    one, two, absent = ({"keyVaultEndpoint": here, "keyName": key} for key in ("one", "two", "three"))
    exercise("azure-own", "azure", config, {"tlsCAFile": os.path.abspath("ca.crt")}, one, two, absent)
    server.shutdown()


class Gcp(kms.Kms):
    """Cloud KMS's encrypt and decrypt, with a key each name has, and a tag; and the token that the service account's key signs for."""

    def stream(self, name, nonce, size):
        blocks = (hmac.new(name.encode(), nonce + bytes([i]), hashlib.sha256).digest() for i in range(size // 32 + 1))
        return b"".join(blocks)[:size]

    def seal(self, name, data):
        nonce = os.urandom(16)
        sealed = nonce + bytes(a ^ b for a, b in zip(data, self.stream(name, nonce, len(data))))
        return sealed + hmac.new(b"tag" + name.encode(), sealed, hashlib.sha256).digest()

    def unseal(self, name, data):
        if hmac.new(b"tag" + name.encode(), data[:-32], hashlib.sha256).digest() != data[-32:]:
            return None
        return bytes(a ^ b for a, b in zip(data[16:-32], self.stream(name, data[:16], len(data) - 48)))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/token":
            return self.answer(*kms.others(self.path, self.headers, body))
        name, _, operation = self.path.rpartition(":")
        if self.headers["Authorization"] != "Bearer TOKEN":
            return self.answer(401, b"{}")
        if name not in [f"/v1/projects/p/locations/l/keyRings/r/cryptoKeys/{k}" for k in ("k", "other")]:
            return self.answer(404, b'{"error":{"code":404,"message":"CryptoKey not found"}}')
        given, wanted = ("plaintext", "ciphertext") if operation == "encrypt" else ("ciphertext", "plaintext")
        data = base64.b64decode(json.loads(body)[given])
        out = self.seal(name, data) if operation == "encrypt" else self.unseal(name, data)
        if out is None:
            return self.answer(400, b'{"error":{"code":400,"message":"Decryption failed: the ciphertext is invalid"}}')
        return self.answer(200, json.dumps({wanted: base64.b64encode(out).decode()}).encode())


def gcp():
    server = serve(Gcp)
    _, config, master = next(case for case in kms.provider_cases(server.server_address[1]) if case[0] == "gcp")
    exercise("gcp-own", "gcp", config, {"tlsCAFile": os.path.abspath("ca.crt")}, master, dict(master, keyName="other"), dict(master, keyName="absent"))
    server.shutdown()


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        kms.certificate("ca", None)
        kms.certificate("server", "IP:127.0.0.1", ca="ca")
        kms.certificate("client", "DNS:client", ca="ca")
        for part in (aws, kmip, vault, azure, gcp):
            try:
                part()
            except Exception as e:  # a test reports whatever went wrong
                report(part.__name__, False, f"{type(e).__name__}: {e}")
        os.chdir("/")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
