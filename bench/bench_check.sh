#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `fieldguard check`, plain and strict, on a large .bson file in the page cache, against a libbson program that only walks it recursively. Processor time of the whole process
# (user and system, so reading and starting count), interleaved, medians. 200 MB; 1 GB with BENCH_FULL=1.
exec python3 "$(dirname "$0")/check.py"
