/* SPDX-License-Identifier: Apache-2.0 */

/* Dotted paths as mongod walks them, and regular expressions. */

#include "tests/oracle/oracle.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

typedef struct walk {
   bool leaf_arrays;
   oracle_test test;
   void *arg;
} walk;

static bool in_document (const bson_t *doc, const char *path, const walk *w);

/* Cuts the first part off path: its text in part, what follows the dot as the result (NULL: nothing does). */
static const char *
cut (const char *path, char part[64])
{
   const char *dot = strchr (path, '.');
   size_t n = dot ? (size_t)(dot - path) : strlen (path);
   n = n < 63 ? n : 63;
   memcpy (part, path, n);
   part[n] = '\0';
   return dot ? dot + 1 : NULL;
}

/* The path ends at value. */
static bool
at_end (const bson_iter_t *value, const walk *w)
{
   if (w->leaf_arrays && bson_iter_type (value) == BSON_TYPE_ARRAY) {
      bson_iter_t element;
      bson_iter_recurse (value, &element);
      while (bson_iter_next (&element)) {
         if (w->test (&element, w->arg)) {
            return true;
         }
      }
   }
   return w->test (value, w->arg);
}

/* An array with path still to go: its documents are entered, and a part that is a position names that element. */
static bool
in_array (const bson_iter_t *array, const char *path, const walk *w)
{
   char part[64];
   const char *rest = cut (path, part);
   bson_iter_t element;
   bson_t sub;

   bson_iter_recurse (array, &element);
   while (bson_iter_next (&element)) {
      bool is_document = bson_iter_type (&element) == BSON_TYPE_DOCUMENT;
      if (is_document) {
         oracle_sub (&element, &sub);
         if (in_document (&sub, path, w)) {
            return true;
         }
      }
      if (strcmp (bson_iter_key (&element), part) != 0) {
         continue;
      }
      if (!rest) {
         if (w->test (&element, w->arg)) {
            return true;
         }
      } else if (is_document || bson_iter_type (&element) == BSON_TYPE_ARRAY) {
         oracle_sub (&element, &sub);
         if (in_document (&sub, rest, w)) {
            return true;
         }
      }
   }
   return false;
}

static bool
in_document (const bson_t *doc, const char *path, const walk *w)
{
   char part[64];
   const char *rest = cut (path, part);
   bson_iter_t value;
   bson_t sub;

   if (!oracle_find (doc, part, &value)) {
      return w->test (NULL, w->arg);
   }
   if (!rest) {
      return at_end (&value, w);
   }
   switch ((int)bson_iter_type (&value)) {
   case BSON_TYPE_DOCUMENT:
      oracle_sub (&value, &sub);
      return in_document (&sub, rest, w);
   case BSON_TYPE_ARRAY:
      return in_array (&value, rest, w);
   default:
      return w->test (NULL, w->arg);
   }
}

bool
oracle_any (const bson_t *doc, const char *path, bool leaf_arrays, oracle_test test, void *arg)
{
   walk w = {leaf_arrays, test, arg};
   return in_document (doc, path, &w);
}

/* The generator knows few patterns: each is compiled once. */
#define PATTERNS 64

typedef struct pattern {
   char *text;
   size_t len;
   bool utf8;
   pcre2_code *code;
} pattern;

static pattern patterns[PATTERNS];
static size_t n_patterns;
static pcre2_match_data *match_data;

void
oracle_patterns_free (void)
{
   for (size_t i = 0; i < n_patterns; i++) {
      free (patterns[i].text);
      pcre2_code_free (patterns[i].code);
   }
   n_patterns = 0;
   pcre2_match_data_free (match_data);
   match_data = NULL;
}

static pcre2_code *
compile (const char *text, size_t len, bool utf8)
{
   for (size_t i = 0; i < n_patterns; i++) {
      if (patterns[i].len == len && patterns[i].utf8 == utf8 && memcmp (patterns[i].text, text, len) == 0) {
         return patterns[i].code;
      }
   }
   if (n_patterns == PATTERNS) {
      oracle_patterns_free ();
   }
   int code;
   size_t offset;
   pattern *p = &patterns[n_patterns];
   p->text = malloc (len + 1);
   if (!p->text) {
      abort ();
   }
   memcpy (p->text, text, len);
   p->len = len;
   p->utf8 = utf8;
   p->code = pcre2_compile ((PCRE2_SPTR)text, len, utf8 ? PCRE2_UTF : 0, &code, &offset, NULL);
   n_patterns++;
   return p->code;
}

bool
oracle_pattern_valid (const char *text, size_t len, bool utf8)
{
   return compile (text, len, utf8) != NULL;
}

bool
oracle_pattern_matches (const char *text, size_t text_len, bool utf8, const char *subject, size_t len)
{
   pcre2_code *code = compile (text, text_len, utf8);
   if (!match_data) {
      match_data = pcre2_match_data_create (16, NULL);
   }
   return code && pcre2_match (code, (PCRE2_SPTR)subject, len, 0, 0, match_data, NULL) >= 0;
}
