/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_SCHEMA_MATCH_UNIQUE_H
#define FG_SCHEMA_MATCH_UNIQUE_H

#include "schema/match/tree.h"

/* uniqueItems: whether no two elements of the array are equal in enum's sense. */
bool fg_eval_unique (fg_eval *ev, const fg_value *array);

#endif /* FG_SCHEMA_MATCH_UNIQUE_H */
