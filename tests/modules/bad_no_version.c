/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/modules/bad.h"

BAD_MODULE (sizeof (fg_module_magic), FG_ABI_MAJOR, FG_ABI_MINOR, 0, "bad", NULL);
