/* SPDX-License-Identifier: Apache-2.0 */
/* A magic block, but nothing to call. */
#include <fieldguard/module.h>

FG_MODULE_MAGIC ("bad", "1");
