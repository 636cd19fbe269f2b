/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/match/regex.h"

#include <string.h>

#define HEAP_LIMIT_KIB 20000u
#define DEPTH_LIMIT 10000u

/* i, m, s, x as mongod takes them; u is legal and always on. */
static bool
option_bits (const char *options, uint32_t *bits, char *unknown)
{
   for (; *options; options++) {
      switch (*options) {
      case 'i':
         *bits |= PCRE2_CASELESS;
         break;
      case 'm':
         *bits |= PCRE2_MULTILINE;
         break;
      case 's':
         *bits |= PCRE2_DOTALL;
         break;
      case 'x':
         *bits |= PCRE2_EXTENDED;
         break;
      case 'u':
         break;
      default:
         *unknown = *options;
         return false;
      }
   }
   return true;
}

fg_regex *
fg_regex_new (fg_arena *arena, fg_regex **list, const char *pattern, const char *options, bool utf,
              fg_regex_problem *problem)
{
   uint32_t bits = utf ? PCRE2_UTF : 0;
   PCRE2_SIZE offset;

   memset (problem, 0, sizeof *problem);
   if (!option_bits (options, &bits, &problem->unknown_option)) {
      return NULL;
   }
   fg_regex *regex = fg_arena_alloc (arena, sizeof *regex);
   if (!regex) {
      problem->no_memory = true;
      return NULL;
   }
   int error;
   regex->code = pcre2_compile ((PCRE2_SPTR)pattern, strlen (pattern), bits, &error, &offset, NULL);
   if (!regex->code) {
      problem->no_memory = error == PCRE2_ERROR_HEAP_FAILED;
      pcre2_get_error_message (error, (PCRE2_UCHAR *)problem->message, sizeof problem->message);
      return NULL;
   }
   (void)pcre2_jit_compile (regex->code, PCRE2_JIT_COMPLETE); /* without JIT the interpreter runs it */
   regex->pattern = pattern;
   regex->options = options;
   regex->next = *list;
   *list = regex;
   return regex;
}

void
fg_regex_free_all (fg_regex *list)
{
   for (; list; list = list->next) {
      pcre2_code_free (list->code);
   }
}

pcre2_match_context *
fg_regex_context_new (uint32_t match_limit)
{
   pcre2_match_context *context = pcre2_match_context_create (NULL);
   if (context) {
      pcre2_set_match_limit (context, match_limit);
      pcre2_set_depth_limit (context, DEPTH_LIMIT);
      pcre2_set_heap_limit (context, HEAP_LIMIT_KIB);
   }
   return context;
}

static int
run (fg_eval *ev, const fg_regex *regex, const char *subject, size_t len)
{
   pcre2_match_context *context = ev->matcher->match_context;
   PCRE2_SPTR text = (PCRE2_SPTR)subject;
   int rc = pcre2_match (regex->code, text, len, 0, 0, ev->match_data, context);
   if (rc == PCRE2_ERROR_JIT_STACKLIMIT) {
      rc = pcre2_match (regex->code, text, len, 0, PCRE2_NO_JIT, ev->match_data, context);
   }
   return rc;
}

/* A subject that is not UTF-8 matches no pattern, as in mongod. Every other failure to decide is a fault, whatever negation stands above. */
bool
fg_eval_regex (fg_eval *ev, const fg_regex *regex, const char *subject, size_t len)
{
   if (!ev->match_data) {
      ev->match_data = pcre2_match_data_create (1, NULL);
      if (!ev->match_data) {
         return fg_eval_set_fault (ev, FG_FAULT_NOMEM);
      }
   }
   int rc = run (ev, regex, subject, len);
   if (rc >= 0) {
      return true;
   }
   if (rc == PCRE2_ERROR_NOMATCH || (rc <= PCRE2_ERROR_UTF8_ERR1 && rc >= PCRE2_ERROR_UTF8_ERR21)) {
      return false;
   }
   return fg_eval_set_fault (ev, rc == PCRE2_ERROR_NOMEMORY ? FG_FAULT_NOMEM : FG_FAULT_REGEX_LIMIT);
}
