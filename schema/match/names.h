/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_SCHEMA_MATCH_NAMES_H
#define FG_SCHEMA_MATCH_NAMES_H

/* Property names by hash, so that a document is walked once however many properties a schema names. */

#include "schema/match/parse.h"

struct fg_name_table {
   uint32_t mask; /* slots - 1 */
   const fg_name *names;
   uint32_t slots[]; /* index + 1; 0: empty */
};

/* names must outlive the table. *out stays NULL where a table would not pay, or cannot be: few names, or one of them twice. False when memory is out. */
bool fg_name_table_build (fg_parser *parser, const fg_name *names, uint32_t n, const fg_name_table **out);
/* The index of the name, or UINT32_MAX. */
uint32_t fg_name_table_find (const fg_name_table *table, const char *name, size_t len);

#endif /* FG_SCHEMA_MATCH_NAMES_H */
