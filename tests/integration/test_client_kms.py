#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command against KMSs over real TLS on loopback: a server here that answers as AWS KMS does and checks signatures, as Azure Key Vault, Google Cloud KMS (and checks the signed
token request) and Vault's Transit do, a KMIP server that wants a client certificate, and servers that lie, stall, redirect, or show the wrong certificate."""

import base64
import hashlib
import hmac
import http.server
import json
import os
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

FIELDGUARD = os.path.join(os.environ["FG_BUILD"], "bin", "fieldguard")
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
AZURE_SECRET = "se cret+/=&%"
failures = 0


def report(name, ok, why=""):
    global failures
    print(f"ok client-kms.{name}" if ok else f"not ok client-kms.{name} - {why}", flush=True)
    failures += not ok


def openssl(*args, **kwargs):
    subprocess.run(["openssl", *args], check=True, capture_output=True, **kwargs)


def certificate(name, san, days="2", ca=None):
    """A key and certificate in NAME.pem; signed by ca, or by itself."""
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
    with open(f"{name}.ext", "w", encoding="ascii") as f:
        f.write(f"subjectAltName={san}\n" if san else "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n")
    signer = ["-CA", f"{ca}.crt", "-CAkey", f"{ca}.key", "-CAcreateserial"] if ca else ["-signkey", f"{name}.key"]
    openssl("x509", "-req", "-in", f"{name}.csr", *signer, "-days", days, "-extfile", f"{name}.ext", "-out", f"{name}.crt")
    with open(f"{name}.pem", "w", encoding="ascii") as out:
        for part in (f"{name}.crt", f"{name}.key"):
            with open(part, encoding="ascii") as f:
                out.write(f.read())


def signature_of(headers, body, region):
    """Signature Version 4, worked out apart from the library's."""
    authorization = headers["Authorization"]
    scope = authorization.split("Credential=AKIDEXAMPLE/")[1].split(",")[0]
    names = authorization.split("SignedHeaders=")[1].split(",")[0]
    lines = "".join(f"{n}:{headers[n].strip()}\n" for n in names.split(";"))
    canonical = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    to_sign = f"AWS4-HMAC-SHA256\n{headers['X-Amz-Date']}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = ("AWS4" + SECRET).encode()
    for part in (scope.split("/")[0], region, "kms", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def token_request_is_good(path, form):
    """The client's secret, escaped; or a token request that the service account's key signed."""
    if path.startswith("/tenant/"):
        return form == {"client_id": "client", "client_secret": AZURE_SECRET, "grant_type": "client_credentials", "scope": "https://0.0.1/.default"}
    signed, signature = form["assertion"].rsplit(".", 1)
    with open("jwt.sig", "wb") as f:
        f.write(unpadded(signature))
    verified = subprocess.run(["openssl", "dgst", "-sha256", "-verify", "gcp.pub", "-signature", "jwt.sig"], input=signed.encode(), capture_output=True, check=False)
    claims = json.loads(unpadded(signed.split(".")[1]))
    return verified.returncode == 0 and claims["iss"] == "sa@example.com" and claims["exp"] - claims["iat"] == 300


def others(path, headers, body):
    """Azure, Google and Vault: what each asks for and answers. Wrapping is a prefix and the key backwards."""
    if path in ("/tenant/oauth2/v2.0/token", "/token"):
        if not token_request_is_good(path, dict(urllib.parse.parse_qsl(body.decode()))):
            return 401, b'{"error":"invalid_client","error_description":"who are you"}'
        return 200, b'{"access_token":"TOKEN","expires_in":3600}'
    request = json.loads(body)
    if path.startswith("/v1/transit/"):
        if headers["X-Vault-Token"] != "hvs.token":
            return 403, b'{"errors":["permission denied"]}'
        if path == "/v1/transit/encrypt/k":
            wrapped = base64.b64encode(b"wrapped:" + base64.b64decode(request["plaintext"])[::-1]).decode()
            return 200, json.dumps({"data": {"ciphertext": "vault:v1:" + wrapped}}).encode()
        plain = base64.b64decode(request["ciphertext"].split(":")[2])[8:][::-1]
        return 200, json.dumps({"data": {"plaintext": base64.b64encode(plain).decode()}}).encode()
    if headers["Authorization"] != "Bearer TOKEN":
        return 401, b'{"error":{"message":"no token"}}'
    if path.endswith("/wrapkey?api-version=7.1"):
        return 200, json.dumps({"value": base64.urlsafe_b64encode(b"wrapped:" + unpadded(request["value"])[::-1]).decode().rstrip("=")}).encode()
    if path.endswith("/unwrapkey?api-version=7.1"):
        return 200, json.dumps({"value": base64.urlsafe_b64encode(unpadded(request["value"])[8:][::-1]).decode().rstrip("=")}).encode()
    if path == "/v1/projects/p/locations/l/keyRings/r/cryptoKeys/k:encrypt":
        return 200, json.dumps({"ciphertext": base64.b64encode(b"wrapped:" + base64.b64decode(request["plaintext"])[::-1]).decode()}).encode()
    if path == "/v1/projects/p/locations/l/keyRings/r/cryptoKeys/k:decrypt":
        return 200, json.dumps({"plaintext": base64.b64encode(base64.b64decode(request["ciphertext"])[8:][::-1]).decode()}).encode()
    return 404, b'{"message":"no such path"}'


class Kms(http.server.BaseHTTPRequestHandler):
    """mode says how it behaves; seen counts requests."""

    protocol_version = "HTTP/1.1"
    mode = "good"
    seen = 0

    def log_message(self, *args):
        pass

    def answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            pass

    def do_POST(self):
        Kms.seen += 1
        body = self.rfile.read(int(self.headers["Content-Length"]))
        mode = Kms.mode
        if mode == "busy-once":
            Kms.mode = "good"
            return self.answer(503, b"{}")
        if mode == "stall":
            time.sleep(3)
            return None
        if mode == "huge":
            return self.answer(200, b" " * 10_000_000)
        if mode == "redirect":
            return self.answer(302, b"", [("Location", "https://127.0.0.2/")])
        if mode == "garbage":
            self.wfile.write(b"not HTTP at all\r\n\r\n")
            self.close_connection = True
            return None
        if mode == "truncated":
            self.send_response(200)
            self.send_header("Content-Length", "500")
            self.end_headers()
            self.wfile.write(b'{"Plaintext"')
            self.close_connection = True
            return None
        if mode == "html":
            return self.answer(200, b"<html>Welcome to the hotel's network</html>", [("Content-Type", "text/html")])
        if mode == "denied":
            return self.answer(400, b'{"__type":"AccessDeniedException","message":"User is not authorized"}')
        if self.path != "/":
            return self.answer(*others(self.path, self.headers, body))
        if not self.headers["Authorization"].endswith(signature_of(self.headers, body, "eu-west-1")):
            return self.answer(403, b'{"message":"The request signature we calculated does not match"}')
        request = json.loads(body)
        if self.headers["X-Amz-Target"] == "TrentService.Encrypt":
            plain = base64.b64decode(request["Plaintext"])
            reply = {"CiphertextBlob": base64.b64encode(b"wrapped:" + plain[::-1]).decode(), "KeyId": request["KeyId"]}
        else:
            blob = base64.b64decode(request["CiphertextBlob"])
            plain = bytes(96) if mode == "wrong-key" else blob[8:][::-1]
            reply = {"Plaintext": base64.b64encode(plain).decode()}
        return self.answer(200, json.dumps(reply).encode())


class QuietServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # clients that hang up, or do not trust the certificate


def serve(pem):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = QuietServer(("127.0.0.1", 0), Kms)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, server.server_address[1]


# --- KMIP ---------------------------------------------------------------------------------------------------------------


def item(tag, kind, value):
    return struct.pack(">I", tag << 8 | kind) + struct.pack(">I", len(value)) + value + bytes(-len(value) % 8)


def find(data, tag):
    """The value of the first item with this tag, at any depth."""
    at = 0
    while at + 8 <= len(data):
        head, length = struct.unpack(">II", data[at : at + 8])
        value = data[at + 8 : at + 8 + length]
        if head >> 8 == tag:
            return value
        if head & 255 == 1:
            inner = find(value, tag)
            if inner is not None:
                return inner
        at += 8 + length + -length % 8
    return None


class Kmip(threading.Thread):
    def __init__(self, ca):
        super().__init__(daemon=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain("server.pem")
        context.load_verify_locations(f"{ca}.crt")
        context.verify_mode = ssl.CERT_REQUIRED
        self.listener = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
        self.port = self.listener.getsockname()[1]
        self.objects = {}
        self.mode = "good"

    def reply(self, message):
        operation = struct.unpack(">I", find(message, 0x42005C)[:4])[0]
        identifier = find(message, 0x420094)
        if operation in (1, 3):
            identifier = str(len(self.objects) + 1).encode()
            self.objects[identifier] = find(message, 0x420043) or b"aes"
        if identifier not in self.objects:
            failed = item(0x42007F, 5, struct.pack(">I", 1)) + item(0x42007E, 5, struct.pack(">I", 1)) + item(0x42007D, 7, b"Locate found nothing")
            return item(0x42007B, 1, item(0x42000F, 1, item(0x42005C, 5, struct.pack(">I", operation)) + failed))
        payload = item(0x420094, 7, identifier)
        if operation == 0x0A:
            block = item(0x420045, 1, item(0x420043, 8, self.objects[identifier]))
            payload += item(0x420085, 1, item(0x420040, 1, block))
        if operation == 0x1F:
            payload += item(0x4200C2, 8, bytes(b ^ 0x5A for b in find(message, 0x4200C2)) + bytes(16)) + item(0x42003D, 8, bytes(range(16)))
        if operation == 0x20:
            payload += item(0x4200C2, 8, bytes(b ^ 0x5A for b in find(message, 0x4200C2)[:-16]))
        done = item(0x42005C, 5, struct.pack(">I", operation)) + item(0x42007F, 5, bytes(4)) + item(0x42007C, 1, payload)
        return item(0x42007B, 1, item(0x42000F, 1, done))

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                continue  # a client that failed the handshake
            try:
                head = connection.recv(8)
                rest = b""
                while len(rest) < struct.unpack(">I", head[4:8])[0]:
                    rest += connection.recv(65536)
                if self.mode == "stall":
                    time.sleep(3)
                answer = self.reply(head + rest)
                if self.mode == "huge":
                    answer = struct.pack(">II", 0x42007B01, 0x7FFFFFF8) + bytes(100000)
                connection.sendall(answer[:-20] if self.mode == "truncated" else answer)
                connection.close()
            except (OSError, struct.error):
                pass


# --- the command --------------------------------------------------------------------------------------------------------


def write(name, value):
    with open(name, "w", encoding="utf-8") as f:
        json.dump(value, f)
    return name


def run(*args, stdin=""):
    start = time.monotonic()
    done = subprocess.run([FIELDGUARD, *args], input=stdin, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr, time.monotonic() - start


def providers(name, value, ca, **tls):
    options = {name: {"tlsCAFile": os.path.abspath(f"{ca}.crt"), **tls}} if ca else {}
    return write("kms.json", {name: value, "tlsOptions": options})


AWS = {"accessKeyId": "AKIDEXAMPLE", "secretAccessKey": SECRET}


def aws_round_trip(port):
    providers("aws:eu", AWS, "ca")
    master = write("master.json", {"region": "eu-west-1", "key": "arn:aws:kms:eu-west-1:1:key/k", "endpoint": f"127.0.0.1:{port}"})
    status, out, err, _ = run("keys", "create", "--key-vault", "v.json", "--kms-providers", "kms.json", "--provider", "aws:eu", "--master-key", master, "--key-alt-name", "k")
    report("aws-create", status == 0, err)
    with open("v.json", encoding="utf-8") as f:
        key = json.loads(f.readline())
    stored = key["masterKey"] == {"provider": "aws:eu", "region": "eu-west-1", "key": "arn:aws:kms:eu-west-1:1:key/k", "endpoint": f"127.0.0.1:{port}"}
    report("aws-stored-master-key", stored, json.dumps(key["masterKey"]))
    common = ("--key-vault", "v.json", "--kms-providers", "kms.json")
    status, out, err, _ = run("encrypt", *common, "--key-alt-name", "k", "--algorithm", "Random", stdin='{"v": "over TLS"}\n')
    status2, out2, err2, _ = run("decrypt", *common, stdin=out)
    report("aws-round-trip", status == 0 and status2 == 0 and json.loads(out2) == {"v": "over TLS"}, err + err2)
    Kms.mode = "busy-once"
    status, out2, err, _ = run("decrypt", *common, stdin=out)
    report("aws-retries-503", status == 0, err)
    return out


def gcp_key():
    """Makes a service account's key: its public half in gcp.pub; returns PKCS #8 in base64."""
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-outform", "DER", "-out", "gcp.der")
    openssl("pkcs8", "-topk8", "-nocrypt", "-inform", "DER", "-in", "gcp.der", "-outform", "DER", "-out", "gcp.p8")
    openssl("pkey", "-inform", "DER", "-in", "gcp.der", "-pubout", "-out", "gcp.pub")
    with open("gcp.p8", "rb") as f:
        return base64.b64encode(f.read()).decode()


def provider_cases(port):
    """name, configuration, masterKey for the server above."""
    here = f"127.0.0.1:{port}"
    return [
        ("azure", {"tenantId": "tenant", "clientId": "client", "clientSecret": AZURE_SECRET, "identityPlatformEndpoint": here}, {"keyVaultEndpoint": here, "keyName": "kn"}),
        ("gcp", {"email": "sa@example.com", "privateKey": gcp_key(), "endpoint": here}, {"projectId": "p", "location": "l", "keyRing": "r", "keyName": "k", "endpoint": here}),
        ("vault", {"endpoint": here, "token": "hvs.token"}, {"key": "k"}),
    ]


def other_providers(port):
    for name, config, master in provider_cases(port):
        providers(name, config, "ca")
        write("master.json", master)
        common = ("--key-vault", f"{name}.json", "--kms-providers", "kms.json")
        status, out, err, _ = run("keys", "create", *common, "--provider", name, "--master-key", "master.json", "--key-alt-name", "k")
        status2, sealed, err2, _ = run("encrypt", *common, "--key-alt-name", "k", "--algorithm", "Random", stdin='{"v": 5}\n')
        status3, out, err3, _ = run("decrypt", *common, stdin=sealed)
        report(f"{name}-round-trip", status == status2 == status3 == 0 and json.loads(out) == {"v": {"$numberInt": "5"}}, err + err2 + err3)
        wrong = dict(config, **{"clientSecret": "x"} if name == "azure" else {"email": "x"} if name == "gcp" else {"token": "x"})
        providers(name, wrong, "ca")
        status, out, err, _ = run("decrypt", *common, stdin=sealed)
        words = "permission denied" if name == "vault" else "who are you"
        report(f"{name}-wrong-credentials", status == 2 and words in err and "hvs" not in err, err)


def aws_bad_replies(sealed):
    common = ("--key-vault", "v.json", "--kms-providers", "kms.json", "--kms-timeout", "1000")
    expectations = {
        "stall": (3, "imed out", 8),
        "huge": (1, "larger than 65536 bytes", 8),
        "redirect": (1, "HTTP status 302 (redirects are not followed)", 8),
        "garbage": (1, "", 8),
        "truncated": (3, "", 8),
        "html": (1, "is no JSON", 8),
        "denied": (1, "User is not authorized", 8),
        "wrong-key": (1, "authentication tag does not verify", 8),
    }
    for mode, (requests, words, limit) in expectations.items():
        Kms.mode, Kms.seen = mode, 0
        status, out, err, seconds = run("decrypt", *common, stdin=sealed)
        good = status == 2 and out == "" and words in err and seconds < limit and SECRET not in err
        if mode not in ("garbage",):
            good = good and Kms.seen == requests
        report(f"aws-{mode}", good, f"status {status}, {Kms.seen} requests, {seconds:.1f} s: {err}")
    Kms.mode = "good"
    providers("aws:eu", {**AWS, "secretAccessKey": "another"}, "ca")
    status, out, err, _ = run("decrypt", *common, stdin=sealed)
    report("aws-wrong-signature", status == 2 and "403" in err and "signature" in err, err)


def certificates(sealed):
    common = ("--key-vault", "v.json", "--kms-providers", "kms.json", "--kms-timeout", "2000")
    for name, pem, ca in (("unknown-ca", "server.pem", None), ("wrong-ca", "server.pem", "other-ca"), ("wrong-host", "elsewhere.pem", "ca"), ("expired", "expired.pem", "ca")):
        server, port = serve(pem)
        with open("v.json", encoding="utf-8") as f:
            key = json.loads(f.readline())
        key["masterKey"]["endpoint"] = f"127.0.0.1:{port}"
        write("v2.json", key)
        providers("aws:eu", AWS, ca)
        Kms.seen = 0
        status, out, err, _ = run("decrypt", "--key-vault", "v2.json", *common[2:], stdin=sealed)
        report(f"tls-{name}", status == 2 and out == "" and "certificate" in err.lower() and Kms.seen == 0, f"{status}: {err}")
        server.shutdown()
    write("kms.json", {"aws:eu": AWS, "tlsOptions": {"aws:eu": {"tlsInsecure": True}}})
    status, out, err, _ = run("decrypt", *common, stdin=sealed)
    report("tls-insecure-refused", status == 2 and "Insecure TLS options prohibited" in err, err)


def kmip(server):
    for delegated in (False, True):
        name = "kmip-delegated" if delegated else "kmip"
        providers("kmip", {"endpoint": f"127.0.0.1:{server.port}"}, "ca", tlsCertificateKeyFile=os.path.abspath("client.pem"))
        master = write("master.json", {"delegated": True} if delegated else {})
        vault = f"{name}.json"
        common = ("--key-vault", vault, "--kms-providers", "kms.json", "--kms-timeout", "2000")
        status, out, err, _ = run("keys", "create", *common, "--provider", "kmip", "--master-key", master, "--key-alt-name", "k")
        report(f"{name}-create", status == 0, err)
        status, sealed, err, _ = run("encrypt", *common, "--key-alt-name", "k", "--algorithm", "Random", stdin='{"v": 5}\n')
        status2, out, err2, _ = run("decrypt", *common, stdin=sealed)
        report(f"{name}-round-trip", status == 0 and status2 == 0 and json.loads(out) == {"v": {"$numberInt": "5"}}, err + err2)
    for mode, words in (("stall", "timed out"), ("huge", "no KMIP message of at most"), ("truncated", "")):
        server.mode = mode
        status, out, err, seconds = run("decrypt", *common, stdin=sealed)
        report(f"kmip-{mode}", status == 2 and out == "" and words in err and seconds < 8, f"{status}, {seconds:.1f} s: {err}")
        time.sleep(1.5 if mode == "stall" else 0)
    server.mode = "good"
    server.objects.clear()
    status, out, err, _ = run("decrypt", *common, stdin=sealed)
    report("kmip-not-found", status == 2 and "Item Not Found" in err, err)
    providers("kmip", {"endpoint": f"127.0.0.1:{server.port}"}, "ca")
    status, out, err, _ = run("decrypt", *common, stdin=sealed)
    report("kmip-no-client-certificate", status == 2 and out == "", err)
    providers("kmip", {"endpoint": f"127.0.0.1:{server.port}"}, "other-ca", tlsCertificateKeyFile=os.path.abspath("client.pem"))
    status, out, err, _ = run("decrypt", *common, stdin=sealed)
    report("kmip-wrong-ca", status == 2 and "certificate does not verify" in err, err)


def main():
    if not shutil.which("openssl"):
        print("skip client-kms - no openssl command to make certificates with")
        return
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        certificate("ca", None)
        certificate("other-ca", None)
        certificate("server", "IP:127.0.0.1", ca="ca")
        certificate("elsewhere", "DNS:elsewhere.example.com", ca="ca")
        certificate("expired", "IP:127.0.0.1", days="-1", ca="ca")
        certificate("client", "DNS:client", ca="ca")
        server, port = serve("server.pem")
        sealed = aws_round_trip(port)
        aws_bad_replies(sealed)
        other_providers(port)
        certificates(sealed)
        server.shutdown()
        kmip_server = Kmip("ca")
        kmip_server.start()
        kmip(kmip_server)
        os.chdir("/")


if __name__ == "__main__":
    main()
    sys.exit(1 if failures else 0)
