/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Replays what a real mongod answered through the matcher. Standard input: one JSON record a line (mongod-verdicts or mongod-queries); argument: `verdicts` or `queries`.
 * Prints one "ok" or "not ok" line a family of facts.
 */

#include <fieldguard/match.h>

#include <bson/bson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct family {
   const char *name;
   unsigned long total, wrong;
} family;

static bool verbose;

static void
judge (family *f, bool right)
{
   f->total++;
   f->wrong += !right;
}

static int
report (const family *f)
{
   if (f->wrong || f->total == 0) {
      printf ("not ok replay.%s - %lu of %lu differ\n", f->name, f->wrong, f->total);
      return 1;
   }
   printf ("ok replay.%s (%lu)\n", f->name, f->total);
   return 0;
}

static void
show (const char *what, size_t line, const bson_t *a, const char *more)
{
   if (!verbose) {
      return;
   }
   char *text = a ? bson_as_canonical_extended_json (a, NULL) : NULL;
   printf ("# line %zu: %s: %s %s\n", line, what, text ? text : "", more ? more : "");
   bson_free (text);
}

static int32_t
code_of (const bson_t *record, const char *name)
{
   bson_iter_t iter;
   return bson_iter_init_find (&iter, record, name) ? (int32_t)bson_iter_as_int64 (&iter) : -1;
}

static bool
child (const bson_iter_t *iter, bson_t *out)
{
   const uint8_t *data;
   uint32_t len;

   if (BSON_ITER_HOLDS_ARRAY (iter)) {
      bson_iter_array (iter, &len, &data);
   } else if (BSON_ITER_HOLDS_DOCUMENT (iter)) {
      bson_iter_document (iter, &len, &data);
   } else {
      return false;
   }
   return bson_init_static (out, data, len);
}

static bool
child_named (const bson_t *record, const char *name, bson_t *out)
{
   bson_iter_t iter;
   return bson_iter_init_find (&iter, record, name) && child (&iter, out);
}

/* Names that libbson would read as old Extended JSON. They are spelt with '#' while it parses: the length stays the same. */
static const char *const operator_names[] = {"$type", "$regex", "$options"};

static void
respell (char *bytes, size_t len, const char *before, char from, char to)
{
   for (size_t i = 0; i < sizeof operator_names / sizeof operator_names[0]; i++) {
      char name[16];
      size_t n = (size_t)snprintf (name, sizeof name, "%s%c%s", before, from, operator_names[i] + 1);
      size_t extra = strlen (before);
      size_t tail = extra ? 1 : 0;
      name[n] = tail ? '"' : '\0';
      char *end = bytes + len;
      for (char *p = bytes; (p = memmem (p, (size_t)(end - p), name, n + 1)); p += n) {
         p[extra] = to;
      }
   }
}

static bson_t *
parse_line (char *line, size_t number)
{
   bson_error_t error;

   respell (line, strlen (line), "\"", '$', '#');
   bson_t *parsed = bson_new_from_json ((const uint8_t *)line, -1, &error);
   if (!parsed) {
      fprintf (stderr, "line %zu: %s\n", number, error.message);
      return NULL;
   }
   uint32_t len;
   uint8_t *bytes = bson_destroy_with_steal (parsed, true, &len);
   respell ((char *)bytes, len, "", '#', '$');
   bson_t *record = bson_new_from_data (bytes, len);
   bson_free (bytes);
   return record;
}

/* --- verdicts --------------------------------------------------------------------------------------------------------- */

static family creates = {"create-code", 0, 0};
static family texts = {"create-text", 0, 0};
static family accepted = {"verdict-accepted", 0, 0};
static family refused = {"verdict-refused", 0, 0};
static unsigned long other_texts, thrown_below_negation;

/* Texts that later servers changed, and that are 8.0's here: PCRE2 words its errors otherwise, and a negative count is "non-negative" expected. */
static bool
text_differs_by_version (int32_t code, const char *text)
{
   return code == 51091 || strncmp (text, "Invalid regular expression", 26) == 0 ||
          strncmp (text, "Expected a positive number in", 29) == 0;
}

static void
judge_create (size_t line, const bson_t *record, int32_t code, const fg_error *err)
{
   bson_iter_t iter;
   int32_t expected = code_of (record, "create");
   const char *text = bson_iter_init_find (&iter, record, "errmsg") ? bson_iter_utf8 (&iter, NULL) : "";

   judge (&creates, code == expected);
   if (code != expected) {
      show (text, line, record, err->message);
      return;
   }
   if (code == 0) {
      return;
   }
   if (text_differs_by_version (code, text)) {
      other_texts++;
      return;
   }
   judge (&texts, strcmp (err->message, text) == 0);
   if (strcmp (err->message, text) != 0) {
      show (text, line, NULL, err->message);
   }
}

static void
judge_document (size_t line, const fg_validator *validator, const bson_t *record, const bson_t *entry)
{
   bson_t doc;
   fg_error err = {0};
   int32_t code = code_of (entry, "code");

   if (!child_named (entry, "doc", &doc)) {
      return;
   }
   fg_match result = fg_validator_check (validator, bson_get_data (&doc), doc.len, &err);
   bool agrees = code == 0 ? result == FG_MATCH_YES : result == FG_MATCH_NO;
   if (!agrees && code == 33118 && result == FG_MATCH_YES) {
      printf ("# line %zu: 33118 arose below a negation; 8.0 evaluates and accepts\n", line);
      thrown_below_negation++;
      return;
   }
   judge (code == 0 ? &accepted : &refused, agrees);
   if (agrees && result == FG_MATCH_NO) {
      fg_explain_options options = FG_EXPLAIN_OPTIONS_INIT;
      bson_t details = BSON_INITIALIZER;
      if (!fg_validator_explain (validator, bson_get_data (&doc), doc.len, &options, &details, &err) ||
          bson_empty (&details)) {
         judge (&refused, false);
         show ("no details", line, record, err.message);
      }
      bson_destroy (&details);
   }
   if (!agrees) {
      show (code == 0 ? "accepted by mongod" : "refused by mongod", line, record, err.message);
      show ("  document", line, &doc, NULL);
   }
}

static void
replay_validator (size_t line, const bson_t *record)
{
   bson_t docs, entry;
   bson_iter_t iter;
   fg_error err = {0};

   fg_validator *validator = fg_validator_compile (bson_get_data (record), record->len, 0, &err);
   judge_create (line, record, validator ? 0 : err.code, &err);
   if (validator && child_named (record, "docs", &docs) && bson_iter_init (&iter, &docs)) {
      while (bson_iter_next (&iter)) {
         if (child (&iter, &entry)) {
            judge_document (line, validator, record, &entry);
         }
      }
   }
   fg_validator_free (validator);
}

static int
report_verdicts (void)
{
   int failures = report (&creates) + report (&texts) + report (&accepted) + report (&refused);
   unsigned long expected =
      getenv ("FG_THROWN_BELOW_NEGATION") ? strtoul (getenv ("FG_THROWN_BELOW_NEGATION"), NULL, 10) : 0;

   if (thrown_below_negation != expected) {
      printf ("not ok replay.thrown-below-negation - %lu, not %lu\n", thrown_below_negation, expected);
      failures++;
   } else {
      printf ("ok replay.thrown-below-negation (%lu)\n", thrown_below_negation);
   }
   return failures;
}

/* --- queries ----------------------------------------------------------------------------------------------------------- */

static family find_codes = {"find-code", 0, 0};
static family update_queries = {"update-query", 0, 0};
static family find_results = {"find-result", 0, 0};

static bool
same_id (const bson_t *a, const bson_t *b)
{
   bson_iter_t x, y;
   return bson_iter_init_find (&x, a, "_id") && bson_iter_init_find (&y, b, "_id") &&
          bson_iter_as_int64 (&x) == bson_iter_as_int64 (&y);
}

static bool
contains_id (const bson_t *result, const bson_t *doc)
{
   bson_iter_t iter;
   bson_t other;

   bson_iter_init (&iter, result);
   while (bson_iter_next (&iter)) {
      if (child (&iter, &other) && same_id (&other, doc)) {
         return true;
      }
   }
   return false;
}

static bool
shows_id (const bson_t *cmd)
{
   bson_iter_t iter, id;
   return !bson_iter_init_find (&iter, cmd, "projection") || !bson_iter_recurse (&iter, &id) ||
          !bson_iter_find (&id, "_id") || bson_iter_as_bool (&id);
}

/* Everything that mongod returned must match; without skip and limit also the reverse, by _id where it is shown and by number. */
static bool
same_result (const fg_matcher *matcher, const bson_t *docs, const bson_t *cmd, const bson_t *result)
{
   bool whole = !bson_has_field (cmd, "skip") && !bson_has_field (cmd, "limit");
   bool ids = shows_id (cmd);
   uint32_t matched = 0;
   bson_iter_t iter;
   bson_t doc;

   bson_iter_init (&iter, docs);
   while (bson_iter_next (&iter)) {
      fg_error err;
      if (!child (&iter, &doc)) {
         return false;
      }
      fg_match match = fg_matcher_check (matcher, bson_get_data (&doc), doc.len, &err);
      matched += match == FG_MATCH_YES;
      bool listed = ids && contains_id (result, &doc);
      if (match == FG_MATCH_ERROR || (listed && match == FG_MATCH_NO) ||
          (ids && whole && listed != (match == FG_MATCH_YES))) {
         return false;
      }
   }
   uint32_t returned = bson_count_keys (result);
   return whole ? matched == returned : matched >= returned;
}

static void
replay_find (size_t line, const bson_t *docs, const bson_t *find)
{
   bson_t cmd, filter, result;
   fg_error err = {0};

   if (!child_named (find, "cmd", &cmd) || !child_named (&cmd, "filter", &filter)) {
      judge (&find_codes, false);
      return;
   }
   fg_matcher *matcher = fg_matcher_compile (bson_get_data (&filter), filter.len, NULL, &err);
   int32_t code = matcher ? 0 : err.code;
   judge (&find_codes, code == code_of (find, "code"));
   if (code != code_of (find, "code")) {
      show ("code", line, find, err.message);
   }
   if (matcher && child_named (find, "result", &result)) {
      bool same = same_result (matcher, docs, &cmd, &result);
      judge (&find_results, same);
      if (!same) {
         show ("result", line, find, "");
         show ("  docs", line, docs, "");
      }
   }
   fg_matcher_free (matcher);
}

/* Whether as many documents match an update's q as the update touched. */
static void
replay_update (size_t line, const bson_t *docs, const bson_t *entry)
{
   bson_t update, q, doc;
   bson_iter_t iter;
   uint32_t matched = 0;
   fg_error err = {0};

   if (code_of (entry, "code") != 0 || !child_named (entry, "update", &update) || !child_named (&update, "q", &q) ||
       bson_has_field (&update, "upsert")) {
      return;
   }
   fg_matcher *matcher = fg_matcher_compile (bson_get_data (&q), q.len, NULL, &err);
   bson_iter_init (&iter, docs);
   while (matcher && bson_iter_next (&iter)) {
      matched += child (&iter, &doc) && fg_matcher_check (matcher, bson_get_data (&doc), doc.len, &err) == FG_MATCH_YES;
   }
   bool multi = bson_iter_init_find (&iter, &update, "multi") && bson_iter_as_bool (&iter);
   uint32_t expected = !multi && matched > 1 ? 1 : matched;
   judge (&update_queries, matcher && (int32_t)expected == code_of (entry, "n"));
   if (!matcher || (int32_t)expected != code_of (entry, "n")) {
      show ("update", line, entry, err.message);
   }
   fg_matcher_free (matcher);
}

static void
replay_updates (size_t line, const bson_t *record)
{
   bson_t docs, updates, update;
   bson_iter_t iter;

   if (!child_named (record, "docs", &docs) || !child_named (record, "updates", &updates) ||
       !bson_iter_init (&iter, &updates)) {
      judge (&update_queries, false);
      return;
   }
   while (bson_iter_next (&iter)) {
      if (child (&iter, &update)) {
         replay_update (line, &docs, &update);
      }
   }
}

static void
replay_finds (size_t line, const bson_t *record)
{
   bson_t docs, finds, find;
   bson_iter_t iter;

   if (!child_named (record, "docs", &docs) || !child_named (record, "finds", &finds) ||
       !bson_iter_init (&iter, &finds)) {
      judge (&find_codes, false);
      return;
   }
   while (bson_iter_next (&iter)) {
      if (child (&iter, &find)) {
         replay_find (line, &docs, &find);
      }
   }
}

int
main (int argc, char **argv)
{
   bool verdicts = argc > 1 && strcmp (argv[1], "verdicts") == 0;
   char *line = NULL;
   size_t cap = 0;
   size_t number = 0;
   int failures = 0;

   verbose = getenv ("FG_REPLAY_VERBOSE") != NULL;
   while (getline (&line, &cap, stdin) > 0) {
      bson_t *record = parse_line (line, ++number);
      if (!record) {
         failures++;
         continue;
      }
      if (verdicts) {
         replay_validator (number, record);
      } else {
         replay_finds (number, record);
         replay_updates (number, record);
      }
      bson_destroy (record);
   }
   free (line);
   if (failures) {
      printf ("not ok replay.input - %d records could not be read\n", failures);
   }
   failures += verdicts ? report_verdicts () : report (&find_codes) + report (&find_results) + report (&update_queries);
   return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
