# SPDX-License-Identifier: Apache-2.0
"""`fieldguard keys shred` killed with signal 9 at random moments, over a vault of a thousand keys, while a client of this library and one that behaves as a driver go on making keys under the
old master key. One roll after another, each killed several times: what is under local:e0 goes to local:e1, then to local:e2, ..."""

import base64
import glob
import json
import os
import random
import signal
import subprocess
import tempfile
import time

from fgtest import BUILD, Server, expect

os.environ["MONGOC_DISABLE_SHM"] = "1"  # what is killed would leave libmongoc's counters behind
FIELDGUARD = os.path.join(BUILD, "bin", "fieldguard")
CHURN = os.path.join(BUILD, "tests", "clients", "key_churn")


def run(*args, ok=(0,)):
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, check=False, timeout=280)
    expect(done.returncode in ok, f"{os.path.basename(str(args[0]))} {args[1]} {args[2] if len(args) > 2 else ''} ended with {done.returncode}: {done.stderr or done.stdout}")
    return done


class Vault:
    """A thousand keys k0, k1, ..., a value encrypted under each, and the epochs that they move through."""

    def __init__(self, folder, where, keys, epochs, seed):
        self.folder = folder
        self.where = where
        self.random = random.Random(seed)
        self.secrets = {f"local:e{i}": {"key": base64.b64encode(os.urandom(96)).decode()} for i in range(epochs)}
        self.epoch = 0
        self.shredded = 0
        self.kills = 0
        self.typical = 2.0
        self.certificates = os.path.join(folder, "certificates")
        self.certificate_key = os.path.join(folder, "certificate.key")
        with open(os.open(self.certificate_key, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as f:
            f.write(os.urandom(32))
        self.providers = self.write_providers("kms.json", 0)
        made = os.path.join(folder, "made.json")
        values = os.path.join(folder, "values.json")
        run(CHURN, "make", made, self.providers, "local:e0", keys, 0, values)
        with open(values, encoding="utf-8") as f:
            self.values = json.load(f)
        with open(made, encoding="utf-8") as f:
            self.documents = f.read()
        self.ours = set()
        # A file is read and written as a whole, under a lock: a driver that is faster than that keeps the epoch from ever being empty.
        self.driver_pause = 400 if "://" in where else 4000

    def write_providers(self, name, first):
        """Every epoch from `first` on; those before it are gone, as they should be."""
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            json.dump({k: v for k, v in self.secrets.items() if int(k[7:]) >= first}, f)
        return path

    def churn(self, mode, pause_ms):
        ids = os.path.join(self.folder, f"{mode}-{self.epoch}")
        return ids, subprocess.Popen([CHURN, mode, self.where, self.providers, f"local:e{self.epoch}", str(pause_ms), ids], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def command(self, finish=False):
        common = [FIELDGUARD, "keys", "shred", "--key-vault", self.where, "--kms-providers", self.providers, "--certificate-dir", self.certificates, "--certificate-key", self.certificate_key]
        if finish:
            return common + ["--finish"]
        names = [part for i in range(2) for part in ("--key-alt-name", f"k{self.shredded + i}")]
        return common + names + ["--to", f"local:e{self.epoch + 1}", "--backup", os.path.join(self.folder, f"backup-{self.epoch + 1}.json"), "--grace", "0s"]

    def surviving_opens(self, providers, what):
        """Every key in the vault is unwrapped, and the value under each surviving key is what it was."""
        run(CHURN, "open", self.where, providers)
        alive = {k: v for k, v in self.values.items() if int(k[1:]) >= self.shredded + 2}
        path = os.path.join(self.folder, "alive.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(alive, f)
        out = run(FIELDGUARD, "decrypt", "--key-vault", self.where, "--kms-providers", providers, path).stdout
        opened = json.loads(out)
        expect(len(opened) == len(alive) and all(v == {"$numberInt": "42"} for v in opened.values()), f"{what}: a value is not what it was")

    def keys(self):
        lines = run(FIELDGUARD, "keys", "list", "--key-vault", self.where).stdout.splitlines()
        return {line.split()[0]: line.split()[1] for line in lines}

    def roll(self, most_kills):
        """One shredding, killed up to most_kills times, to its end."""
        ours, client = self.churn("create", 150)
        theirs, driver = self.churn("driver", self.driver_pause)
        killed = 0
        finish = False
        try:
            while True:
                began = time.monotonic()
                process = subprocess.Popen(self.command(finish), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                limit = self.random.uniform(0, self.typical * 1.2) if killed < most_kills else 240
                try:
                    out, err = process.communicate(timeout=limit)
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    process.communicate()
                    killed += 1
                    self.surviving_opens(self.providers, f"after kill {self.kills + killed}")
                    continue
                if process.returncode == 2 and "it was shredded" in err:
                    finish = True  # killed at grace, or just after the end
                    continue
                expect(process.returncode == 0, f"resuming after {killed} kills ended with {process.returncode}: {err}{out}")
                self.typical = max(0.3, min(20.0, time.monotonic() - began) if not killed else self.typical)
                break
        finally:
            driver.kill()
            driver.communicate()
            client_out, client_err = client.communicate(timeout=60)
        self.kills += killed
        expect(client_out == "refused\n", f"our own client was not refused: {client_out}{client_err}")
        self.check_end(ours, theirs)

    def check_end(self, ours, theirs):
        old = f"local:e{self.epoch}"
        keys = self.keys()
        with open(ours, encoding="utf-8") as f:
            mine = set(f.read().split())
        with open(theirs, encoding="utf-8") as f:
            drivers = set(f.read().split())
        self.ours |= mine
        expect(self.ours <= set(keys), "a key of our own client is lost")
        late = {k for k, provider in keys.items() if provider == old}
        # One may be stored and not written down when the driver is killed.
        expect(not late & self.ours and len(late - drivers) <= 1, f"{len(late)} keys are under the old epoch, and not only the driver's late ones")
        if late:
            run(FIELDGUARD, "keys", "rewrap", "--key-vault", self.where, "--kms-providers", self.providers, "--filter", json.dumps({"masterKey.provider": old}), "--provider", f"local:e{self.epoch + 1}")
        without = self.write_providers("without.json", self.epoch + 1)
        self.surviving_opens(without, "without the old master keys")
        for i in range(2):
            name = f"k{self.shredded + i}"
            gone = run(FIELDGUARD, "keys", "show", "--key-vault", self.where, "--key-alt-name", name, ok=(2,))
            expect(gone.returncode == 2, f"{name} is still there")
        self.epoch += 1
        self.shredded += 2
        self.check_journals()
        print(f"# after roll {self.epoch}: {self.kills} kills", flush=True)

    def check_journals(self):
        for path in glob.glob(os.path.join(self.certificates, "roll-*.json")):
            with open(path, encoding="utf-8") as f:
                expect(json.load(f)["stage"] == "done", f"{path} is not done")
        chain = sorted(glob.glob(os.path.join(self.certificates, "certificates.log.2*"))) + [os.path.join(self.certificates, "certificates.log")]
        # No --open: the last run closed its file in order.
        verified = run(FIELDGUARD, "audit", "verify", *chain, "--key", self.certificate_key)
        expect("under the key" in verified.stdout, verified.stdout)
        ended = set()
        for path in chain:
            with open(path, encoding="utf-8") as f:
                for line in f:
                    param = json.loads(line)["param"] if line.endswith("\n") else {}
                    if param.get("stage") == "ended":
                        ended |= {name for key in param["keys"] for name in key["keyAltNames"]}
        expect(ended == {f"k{i}" for i in range(self.shredded)}, f"certificates name {sorted(ended)}")


def in_server(kills, keys=1000, kills_a_roll=4, seed=None):
    """In a collection of fieldguardd; returns the number of kills."""
    with tempfile.TemporaryDirectory(prefix="fieldguard-shred-") as folder, Server(module=False) as server:
        vault = Vault(folder, f"{server.uri}/?ns=keys.vault", keys, kills + 3, seed)
        documents = [json.loads(line) for line in vault.documents.splitlines()]
        for i in range(0, len(documents), 250):
            expect(server.run({"insert": "vault", "documents": documents[i : i + 250]}, "keys").get("n") == len(documents[i : i + 250]), "insert")
        while vault.kills < kills:
            vault.roll(min(kills_a_roll, kills - vault.kills))
        return vault.kills, vault.epoch


def in_file(kills, keys=1000, kills_a_roll=4, seed=None):
    with tempfile.TemporaryDirectory(prefix="fieldguard-shred-") as folder:
        where = os.path.join(folder, "vault.json")
        vault = Vault(folder, where, keys, kills + 3, seed)
        with open(where, "w", encoding="utf-8") as f:
            f.write(vault.documents)
        while vault.kills < kills:
            vault.roll(min(kills_a_roll, kills - vault.kills))
        return vault.kills, vault.epoch
