#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Twenty kills of `keys shred` over 1,000 keys (tests/soak/shred.py has two hundred)."""

import random

import shredkill
from fgtest import main


def case_server():
    seed = random.randrange(1 << 32)
    print(f"# seed {seed}")
    kills, rolls = shredkill.in_server(16, kills_a_roll=5, seed=seed)
    print(f"# {kills} kills in {rolls} rolls")


def case_file():
    seed = random.randrange(1 << 32)
    print(f"# seed {seed}")
    kills, rolls = shredkill.in_file(4, kills_a_roll=4, seed=seed)
    print(f"# {kills} kills in {rolls} rolls")


main(globals(), "shred-crash")
