#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# keys migrate, killed 200 times over 1,000 keys: a vault in a file, and one in fieldguardd.
set -eu
FG_MIGRATE_KILLS=${FG_MIGRATE_KILLS:-200} exec python3 "$FG_TOP/tests/integration/test_keys_migrate.py" killed_file killed_server
