#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two hundred kills of `keys shred` at random moments, over 1,000 keys: 160 with the vault in fieldguardd, 40 with the vault in a file."""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))

import shredkill  # pylint: disable=wrong-import-position
from fgtest import main  # pylint: disable=wrong-import-position


def case_server():
    seed = random.randrange(1 << 32)
    print(f"# seed {seed}", flush=True)
    kills, rolls = shredkill.in_server(160, kills_a_roll=8, seed=seed)
    print(f"# {kills} kills in {rolls} rolls")


def case_file():
    seed = random.randrange(1 << 32)
    print(f"# seed {seed}", flush=True)
    kills, rolls = shredkill.in_file(40, kills_a_roll=8, seed=seed)
    print(f"# {kills} kills in {rolls} rolls")


main(globals(), "soak-shred")
