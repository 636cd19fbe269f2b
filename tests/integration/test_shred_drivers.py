#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A driver on a vault with an epoch marker (pymongo's ClientEncryption)."""

import base64
import json
import os
import subprocess
import sys
import tempfile

import fgtest


def main():
    python = os.path.join(fgtest.CLIENTS, "venv", "bin", "python")
    if not os.path.exists(python) or subprocess.run([python, "-c", "import pymongocrypt"], capture_output=True, check=False).returncode:
        print("skip shred-drivers - no pymongo with pymongocrypt in the clients' virtual environment")
        return 0
    script = os.path.join(fgtest.TOP, "tests", "integration", "client_interop", "pymongo_epochs.py")
    with tempfile.TemporaryDirectory() as folder, fgtest.Server(module=False) as server:
        with open(os.path.join(folder, "kms.json"), "w", encoding="utf-8") as f:
            json.dump({f"local:e{i}": {"key": base64.b64encode(bytes([i] * 96)).decode()} for i in (1, 2)}, f)
        done = subprocess.run([python, script, f"mongodb://127.0.0.1:{server.port}/", f"{server.uri}/?ns=keys.vault"], cwd=folder, timeout=200, check=False)
    return done.returncode


sys.exit(main())
