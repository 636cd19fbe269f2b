/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_SCHEMA_MATCH_REGEX_H
#define FG_SCHEMA_MATCH_REGEX_H

/* Regular expressions: compiled once with JIT, run with match, depth and heap limits. */

#include "schema/match/tree.h"

typedef struct fg_regex_problem {
   char unknown_option; /* 0: none */
   bool no_memory;
   char message[128]; /* PCRE2's own text for a pattern that does not compile */
} fg_regex_problem;

/* pattern and options are borrowed and must live as long as the arena. Links itself into *list. */
fg_regex *fg_regex_new (fg_arena *arena, fg_regex **list, const char *pattern, const char *options, bool utf,
                        fg_regex_problem *problem);
void fg_regex_free_all (fg_regex *list);
pcre2_match_context *fg_regex_context_new (uint32_t match_limit);

#endif /* FG_SCHEMA_MATCH_REGEX_H */
