/* SPDX-License-Identifier: Apache-2.0 */
#define PROBE_NAME "probeB"
#include "tests/modules/probe.h"
