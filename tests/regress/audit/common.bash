# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Copies of the committed files: keyed_1 closed, keyed_2 torn by a crash, keyed_3 its successor, closed; plain_1 without a key.
cp "$FG_TOP"/tests/regress/audit/data/* .
chmod 600 ./*
verify() { # arguments of `fieldguard audit verify`; prints what it says and its exit status
   "$FG_BUILD/bin/fieldguard" audit verify "$@" 2>&1
   echo "exit $?"
}
