/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor.h"

#include <inttypes.h>
#include <stdlib.h>

/* What the documents show without a KMS. */

#define DAY_MS 86400000

typedef struct name {
   const char *text;
   size_t document;
} name;

static int
by_text (const void *a, const void *b)
{
   const name *x = a;
   const name *y = b;
   int order = strcmp (x->text, y->text);

   return order ? order : (x->document > y->document) - (x->document < y->document);
}

static int
by_id (const void *a, const void *b)
{
   return memcmp (a, b, FG_KEY_ID_LEN);
}

static void
check_names (fg_doctor *d, name *names, size_t n)
{
   if (n) {
      qsort (names, n, sizeof *names, by_text);
   }
   for (size_t i = 0; i < n;) {
      size_t j = i + 1;
      while (j < n && strcmp (names[i].text, names[j].text) == 0) {
         j++;
      }
      if (j - i > 1) {
         fg_doctor_report (d, FG_DOCTOR_DUPLICATE_ALT_NAME, names[i].text, "%zu keys have this alt name", j - i);
      }
      i = j;
   }
}

static void
check_ids (fg_doctor *d, uint8_t (*ids)[FG_KEY_ID_LEN], size_t n)
{
   char text[FG_UUID_TEXT_LEN];

   qsort (ids, n, sizeof *ids, by_id);
   for (size_t i = 1; i < n; i++) {
      if (memcmp (ids[i - 1], ids[i], FG_KEY_ID_LEN) == 0) {
         fg_uuid_text (ids[i], text);
         fg_doctor_report (d, FG_DOCTOR_DUPLICATE_ID, text, "two documents have this _id");
      }
   }
}

typedef struct tally {
   name *names;
   size_t n_names;
   size_t cap_names;
   uint8_t (*ids)[FG_KEY_ID_LEN];
   size_t n_ids;
   size_t old;
   int64_t oldest_ms;
   char oldest[FG_UUID_TEXT_LEN];
   size_t unnamed;
   char first_unnamed[FG_UUID_TEXT_LEN];
} tally;

static bool
add_names (tally *t, const fg_key_document *doc, size_t document)
{
   bson_iter_t iter;

   if (!bson_iter_init (&iter, &doc->alt_names)) {
      return false;
   }
   while (bson_iter_next (&iter)) {
      if (t->n_names == t->cap_names) {
         size_t cap = t->cap_names ? 2 * t->cap_names : 64;
         name *names = realloc (t->names, cap * sizeof *names);
         if (!names) {
            return false;
         }
         t->names = names;
         t->cap_names = cap;
      }
      t->names[t->n_names++] = (name){bson_iter_utf8 (&iter, NULL), document};
   }
   return true;
}

static void
look_at (fg_doctor *d, tally *t, size_t i)
{
   fg_key_document doc;
   fg_error err = {0};
   char number[32];

   if (!fg_key_document_parse (d->documents.docs[i], &doc, &err) || !add_names (t, &doc, i)) {
      snprintf (number, sizeof number, "document %zu", i + 1);
      fg_doctor_report (d, FG_DOCTOR_BAD_DOCUMENT, number, "%s", err.message[0] ? err.message : "out of memory");
      return;
   }
   memcpy (t->ids[t->n_ids++], doc.id, FG_KEY_ID_LEN);
   if (doc.n_alt_names == 0 && t->unnamed++ == 0) {
      fg_uuid_text (doc.id, t->first_unnamed);
   }
   if (fg_now_ms () - doc.creation_ms > d->max_age_ms) {
      t->old++;
      if (t->old == 1 || doc.creation_ms < t->oldest_ms) {
         t->oldest_ms = doc.creation_ms;
         fg_uuid_text (doc.id, t->oldest);
      }
   }
}

void
fg_doctor_documents (fg_doctor *d)
{
   tally t = {0};

   t.ids = calloc (d->documents.n + 1, sizeof *t.ids);
   for (size_t i = 0; t.ids && i < d->documents.n; i++) {
      look_at (d, &t, i);
   }
   if (t.ids) {
      check_names (d, t.names, t.n_names);
      check_ids (d, t.ids, t.n_ids);
   }
   if (t.unnamed) {
      fg_doctor_report (d, FG_DOCTOR_NO_ALT_NAME, t.first_unnamed, "%zu key%s without an alt name; this is the first",
                        t.unnamed, t.unnamed == 1 ? "" : "s");
   }
   if (t.old) {
      fg_doctor_report (d, FG_DOCTOR_KEY_OLD, t.oldest,
                        "%zu key%s older than %" PRId64 " days; this is the oldest, of %" PRId64 " days", t.old,
                        t.old == 1 ? "" : "s", d->max_age_ms / DAY_MS, (fg_now_ms () - t.oldest_ms) / DAY_MS);
   }
   free (t.ids);
   free (t.names);
}
