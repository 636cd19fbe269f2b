#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Credentials on demand, through the command: metadata services of the tests' own on loopback (no registry has an emulator of one), found through the environment variables that the
providers' SDKs read too; the KMSs behind them check what they are shown."""

import base64
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

import test_client_kms as kms

failures = 0


def report(name, ok, why=""):
    global failures
    print(f"ok client-credentials.{name}" if ok else f"not ok client-credentials.{name} - {' '.join(str(why).split())}", flush=True)
    failures += not ok


AWS_CREDENTIALS = {"Code": "Success", "AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": kms.SECRET, "Token": "session", "Expiration": "2099-01-01T00:00:00Z"}
ROLES = "/latest/meta-data/iam/security-credentials/"
SESSION = "AQAEAJ=="


class Metadata(http.server.BaseHTTPRequestHandler):
    """EC2's, a container's, Azure's and Google's metadata service at once."""

    protocol_version = "HTTP/1.1"
    mode = "good"
    seen = []

    def log_message(self, *args):
        pass

    def answer(self, status, body):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        try:
            self.wfile.write(data)
        except OSError:
            pass

    def do_PUT(self):
        Metadata.seen.append(self.path)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        good = self.path == "/latest/api/token" and self.headers["X-aws-ec2-metadata-token-ttl-seconds"] == "21600"
        self.answer(200 if good else 400, SESSION.encode())

    def do_GET(self):
        Metadata.seen.append(self.path)
        if Metadata.mode == "stall":
            time.sleep(4)
            return None
        if Metadata.mode == "huge":
            return self.answer(200, b" " * 10_000_000)
        if Metadata.mode == "redirect":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.2/")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if self.path.startswith(ROLES) and self.headers["X-aws-ec2-metadata-token"] != SESSION:
            return self.answer(401, b"")
        if self.path == ROLES:
            return self.answer(200, b"the-role")
        if self.path == ROLES + "the-role":
            return self.answer(200, AWS_CREDENTIALS)
        if self.path == "/container" and self.headers["Authorization"] == "container-token":
            return self.answer(200, AWS_CREDENTIALS)
        if self.path.startswith("/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2F0.0.1%2F") and self.headers["Metadata"] == "true":
            return self.answer(200, {"access_token": "TOKEN", "expires_in": "3600"})
        if self.path == "/computeMetadata/v1/instance/service-accounts/default/token" and self.headers["Metadata-Flavor"] == "Google":
            return self.answer(200, {"access_token": "TOKEN", "expires_in": 3600})
        return self.answer(404, b"")


class Cloud(kms.Kms):
    """The KMSs, and STS."""

    sessions = []

    def do_POST(self):
        if self.path == "/" and "X-Amz-Target" in self.headers:
            Cloud.sessions.append(self.headers["X-Amz-Security-Token"])
        if self.path == "/sts":
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            good = "Action=AssumeRoleWithWebIdentity" in form and "WebIdentityToken=eyJ.web" in form and self.headers["Accept"] == "application/json"
            credentials = {"AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": kms.SECRET, "SessionToken": "assumed", "Expiration": 4070908800}
            reply = {"AssumeRoleWithWebIdentityResponse": {"AssumeRoleWithWebIdentityResult": {"Credentials": credentials}}}
            return self.answer(200 if good else 400, json.dumps(reply).encode())
        return super().do_POST()


def serve_cloud():
    kms.Kms, original = Cloud, kms.Kms
    server, port = kms.serve("server.pem")
    kms.Kms = original
    return server, port


# No proxy may see a metadata service; nothing of the machine that runs the tests counts.
CLEAN = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "AZURE_", "GOOGLE_", "GCE_", "VAULT_"))}
CLEAN["http_proxy"] = "http://127.0.0.1:9"


def run(env, *args, stdin=""):
    start = time.monotonic()
    done = subprocess.run([kms.FIELDGUARD, *args], env={**CLEAN, **env}, input=stdin, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr, time.monotonic() - start


def works(name, provider, config, master, env):
    vault = f"{name}.json"
    kms.write("kms.json", {provider: config, "tlsOptions": {provider: {"tlsCAFile": os.path.abspath("ca.crt")}}})
    kms.write("master.json", master)
    common = ("--key-vault", vault, "--kms-providers", "kms.json")
    status, _, err, _ = run(env, "keys", "create", *common, "--provider", provider, "--master-key", "master.json", "--key-alt-name", "k")
    sealed = run(env, "encrypt", *common, "--key-alt-name", "k", "--algorithm", "Random", stdin='{"v": "text"}\n')
    opened = run(env, "decrypt", *common, stdin=sealed[1])
    good = status == 0 and sealed[0] == 0 and opened[0] == 0 and json.loads(opened[1]) == {"v": "text"}
    report(name, good, err + sealed[2] + opened[2])
    return sealed[1]


def refused(name, provider, config, env, words, limit=15):
    kms.write("kms.json", {provider: config, "tlsOptions": {provider: {"tlsCAFile": os.path.abspath("ca.crt")}}})
    status, out, err, seconds = run(env, "keys", "create", "--key-vault", "none.json", "--kms-providers", "kms.json", "--provider", provider, "--master-key", "master.json")
    quiet = kms.SECRET not in err and SESSION not in err and "container-token" not in err and "hvs.token" not in err
    report(name, status == 2 and words in err and seconds < limit and quiet and not os.path.exists("none.json"), f"{status}, {seconds:.1f} s: {err}")


def write_text(name, text):
    with open(name, "w", encoding="ascii") as f:
        f.write(text)
    return os.path.abspath(name)


def aws(port, metadata):
    master = {"region": "eu-west-1", "key": "arn:aws:kms:eu-west-1:1:key/k", "endpoint": f"127.0.0.1:{port}"}
    ec2 = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://127.0.0.1:{metadata}"}
    works("aws-environment", "aws", {}, master, {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": kms.SECRET})
    Cloud.sessions.clear()
    works("aws-ec2", "aws", {}, master, ec2)
    report("aws-ec2-session", set(Cloud.sessions) == {"session"}, Cloud.sessions)
    token = write_text("container.token", "container-token\n")
    works("aws-container", "aws", {}, master, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{metadata}/container", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": token})
    Cloud.sessions.clear()
    web = {"AWS_WEB_IDENTITY_TOKEN_FILE": write_text("web.token", "eyJ.web\n"), "AWS_ROLE_ARN": "arn:aws:iam::1:role/r", "AWS_ENDPOINT_URL_STS": f"https://127.0.0.1:{port}/sts"}
    works("aws-web-identity", "aws", {}, master, web)
    report("aws-web-identity-session", set(Cloud.sessions) == {"assumed"}, Cloud.sessions)
    refused("aws-sts-in-the-clear", "aws", {}, dict(web, AWS_ENDPOINT_URL_STS=f"http://127.0.0.1:{metadata}/sts"), "use https")
    refused("aws-wrong-container-token", "aws", {}, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{metadata}/container", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "x"}, "HTTP status 404")
    for mode, words in (("stall", "imed out"), ("huge", "larger than 65536 bytes"), ("redirect", "redirects are not followed")):
        Metadata.mode = mode
        refused(f"aws-ec2-{mode}", "aws", {}, ec2, words)
    Metadata.mode = "good"
    refused("aws-nobody-there", "aws", {}, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9"}, "get the instance's credentials")
    refused("aws-none", "aws", {}, {"AWS_EC2_METADATA_DISABLED": "true"}, "set AWS_ACCESS_KEY_ID")


def azure(port, metadata):
    master = {"keyVaultEndpoint": f"127.0.0.1:{port}", "keyName": "kn"}
    imds = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": f"http://127.0.0.1:{metadata}"}
    Metadata.seen.clear()
    sealed = works("azure-imds", "azure", {}, master, imds)
    Metadata.seen.clear()
    status, out, err, _ = run(imds, "decrypt", "--key-vault", "azure-imds.json", "--kms-providers", "kms.json", stdin=sealed * 3)
    report("azure-imds-asked-once", status == 0 and len(Metadata.seen) == 1, f"{Metadata.seen} {err}")
    Metadata.mode = "stall"
    refused("azure-imds-stall", "azure", {}, imds, "imed out")
    Metadata.mode = "good"


def gcp(port, metadata):
    master = {"projectId": "p", "location": "l", "keyRing": "r", "keyName": "k", "endpoint": f"127.0.0.1:{port}"}
    works("gcp-metadata", "gcp", {}, master, {"GCE_METADATA_HOST": f"127.0.0.1:{metadata}"})
    refused("gcp-token-for-google-alone", "gcp", {}, {}, "not in googleapis.com")
    key = kms.gcp_key()
    kms.openssl("pkey", "-inform", "DER", "-in", "gcp.der", "-out", "gcp.pem")
    with open("gcp.pem", encoding="ascii") as f:
        account = {"type": "service_account", "client_email": "sa@example.com", "private_key": f.read(), "token_uri": f"https://127.0.0.1:{port}/token"}
    kms.write("account.json", account)
    works("gcp-service-account-file", "gcp", {}, master, {"GOOGLE_APPLICATION_CREDENTIALS": os.path.abspath("account.json")})
    kms.write("account.json", {"type": "authorized_user", "refresh_token": "r"})
    refused("gcp-other-file", "gcp", {}, {"GOOGLE_APPLICATION_CREDENTIALS": os.path.abspath("account.json")}, "no service account")
    report("gcp-key-is-a-key", len(base64.b64decode(key)) > 1000)


def vault(port):
    here = f"127.0.0.1:{port}"
    works("vault-environment", "vault", {}, {"key": "k"}, {"VAULT_ADDR": f"https://{here}", "VAULT_TOKEN": "hvs.token"})
    works("vault-token-file", "vault", {"endpoint": here, "tokenFile": write_text("vault.token", "hvs.token\n")}, {"key": "k"}, {})
    os.makedirs("home")
    write_text("home/.vault-token", "hvs.token")
    works("vault-login", "vault", {"endpoint": here}, {"key": "k"}, {"HOME": os.path.abspath("home")})
    refused("vault-no-token", "vault", {"endpoint": here}, {"HOME": "/nonexistent"}, "VAULT_TOKEN is not set")
    refused("vault-in-the-clear", "vault", {}, {"VAULT_ADDR": f"http://{here}", "VAULT_TOKEN": "hvs.token"}, "TLS is required")


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        kms.certificate("ca", None)
        kms.certificate("server", "IP:127.0.0.1", ca="ca")
        _, port = serve_cloud()
        server = kms.QuietServer(("127.0.0.1", 0), Metadata)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        metadata = server.server_address[1]
        aws(port, metadata)
        azure(port, metadata)
        gcp(port, metadata)
        vault(port)
        os.chdir("/")
    sys.exit(1 if failures else 0)


main()
