/* SPDX-License-Identifier: Apache-2.0 */
#define PROBE_NAME "probeA"
#include "tests/modules/probe.h"
