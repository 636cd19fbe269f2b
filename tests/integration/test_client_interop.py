#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Interoperability, live: pymongo's ClientEncryption (with the newest libmongocrypt) and the command share a key vault in fieldguardd, and KMSs on loopback."""

import base64
import os
import subprocess
import sys
import tempfile

import fgtest
import test_client_kms as kms


def main():
    python = os.path.join(fgtest.CLIENTS, "venv", "bin", "python")
    if not os.path.exists(python) or subprocess.run([python, "-c", "import pymongocrypt"], capture_output=True, check=False).returncode:
        print("skip client-interop - no pymongo with pymongocrypt in the clients' virtual environment")
        return 0
    script = os.path.join(fgtest.TOP, "tests", "integration", "client_interop", "pymongo_client.py")
    with tempfile.TemporaryDirectory() as folder, fgtest.Server(module=False) as server:
        os.chdir(folder)
        kms.certificate("ca", None)
        kms.certificate("server", "IP:127.0.0.1", ca="ca")
        kms.certificate("client", "DNS:client", ca="ca")
        kms.AZURE_SECRET = "secret"  # libmongocrypt does not escape it
        _, port = kms.serve("server.pem")
        kmip = kms.Kmip("ca")
        kmip.start()
        here = f"127.0.0.1:{port}"
        tls = {"tlsCAFile": os.path.abspath("ca.crt")}
        config = {"local": {"key": base64.b64encode(bytes(range(96))).decode()}, "aws": kms.AWS, "kmip": {"endpoint": f"127.0.0.1:{kmip.port}"}}
        master_keys = {"local": None, "aws": {"region": "eu-west-1", "key": "arn:aws:kms:eu-west-1:1:key/k", "endpoint": here}, "kmip": {}}
        options = {"aws": tls, "kmip": dict(tls, tlsCertificateKeyFile=os.path.abspath("client.pem"))}
        for name, value, master in kms.provider_cases(port):
            if name != "vault":
                config[name], master_keys[name], options[name] = value, master, tls
        kms.write("kms.json", dict(config, tlsOptions=options))
        kms.write("master-keys.json", master_keys)
        kms.write("aws.json", master_keys["aws"])
        done = subprocess.run([python, script, f"mongodb://127.0.0.1:{server.port}/"], timeout=280, check=False)
        os.chdir("/")
    return done.returncode


sys.exit(main())
