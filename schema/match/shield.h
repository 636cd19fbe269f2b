/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_SCHEMA_MATCH_SHIELD_H
#define FG_SCHEMA_MATCH_SHIELD_H

/*
 * Which paths some rule declares encrypted, so that errInfo never repeats what lies there: whichever keyword complains, from whichever branch.
 * Array positions do not count as steps, and neither do names that are numbers: more is withheld rather than less.
 */

#include "schema/match/parse.h"

/* A step of a path; NULL text stands for any name. */
typedef struct fg_step {
   const struct fg_step *up; /* NULL: the first */
   const char *text;
   size_t len;
} fg_step;

struct fg_shield {
   const fg_shield *next;
   uint32_t n;
   fg_name steps[];
};

/* Collects the paths of all `encrypt` rules of a compiled tree (also those below negations and in alternatives). */
bool fg_shield_collect (fg_parser *parser, const fg_node *root);
bool fg_shield_add (fg_parser *parser, const fg_step *path);
/* Whether a value at this path may hold, or lie in, what a rule declares encrypted. path NULL: the whole document. */
bool fg_shield_covers (const fg_shield *shields, const fg_step *path);
bool fg_shield_covers_path (const fg_shield *shields, const fg_path *path, uint32_t part, const fg_step *up);

#endif /* FG_SCHEMA_MATCH_SHIELD_H */
