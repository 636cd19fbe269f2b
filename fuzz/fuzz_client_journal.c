/* SPDX-License-Identifier: Apache-2.0 */
/* FUZZ-LIBS: fieldguard-client fieldguard-base ; -lmongoc-1.0 -lbson-1.0 -lcurl -lssl -lcrypto -lpthread */

/*
 * The journal of a migration of keys. Even bytes first: as it stands, where hardly anything passes the chain. Odd: each line is taken for a record and given its place in a chain, so that what reads
 * records sees them; then cut and changed, which the chain must notice.
 */

#include "base/base.h"
#include "client/keys/migrate_log.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static bool
count (void *ctx, const bson_t *record, fg_error *err)
{
   (void)err;
   if (record->len < 5) {
      abort ();
   }
   ++*(size_t *)ctx;
   return true;
}

/* The lines that are JSON objects, chained. */
static void
chain_lines (const uint8_t *data, size_t size, fg_buf *out, size_t *lines)
{
   uint8_t chain[FG_SHA256_LEN] = {0};
   char hex[FG_SHA256_HEX_LEN];

   while (size) {
      const uint8_t *end = memchr (data, '\n', size);
      size_t n = end ? (size_t)(end - data) : size;
      bson_t *record = n && n < 4096 ? bson_new_from_json (data, (ssize_t)n, NULL) : NULL;
      size_t len = 0;
      char *json = record ? bson_as_canonical_extended_json (record, &len) : NULL;
      bson_t *again = json ? bson_new_from_json ((const uint8_t *)json, (ssize_t)len, NULL) : NULL;
      if (again && len > 4) {
         fg_buf link = {0};
         fg_buf_append (&link, chain, sizeof chain);
         fg_buf_append (&link, json, len - 2);
         if (!fg_sha256 (link.data, link.len, chain, NULL)) {
            abort ();
         }
         fg_sha256_hex (chain, hex);
         fg_buf_append (out, json, len - 2);
         fg_buf_printf (out, ", \"chain\" : \"%s\" }\n", hex);
         fg_buf_free (&link);
         ++*lines;
      }
      bson_destroy (again);
      bson_free (json);
      bson_destroy (record);
      data += end ? n + 1 : n;
      size -= end ? n + 1 : n;
   }
}

static size_t
scan (const uint8_t *data, size_t size, bool *ok)
{
   uint8_t chain[FG_SHA256_LEN];
   size_t valid = 0;
   size_t n = 0;

   *ok = fg_journal_scan (data, size, count, &n, &valid, chain, NULL);
   if (valid > size || (valid && data[valid - 1] != '\n')) {
      abort ();
   }
   return n;
}

static void
read_records (const fg_buf *journal)
{
   fg_migrate_log log = {0};
   uint8_t chain[FG_SHA256_LEN];
   size_t valid;

   if (fg_journal_scan (journal->data, journal->len, fg_migrate_log_read, &log, &valid, chain, NULL)) {
      for (size_t i = 0; i < log.n_buckets; i++) {
         for (const fg_logged *l = log.buckets[i]; l; l = l->next) {
            bson_t master_key;
            const uint8_t *material;
            size_t len;
            if (!fg_logged_old (l, &master_key, &material, &len)) {
               abort ();
            }
         }
      }
   }
   fg_migrate_log_close (&log);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
   fg_buf journal = {0};
   size_t lines = 0;
   bool ok;

   if (!size || data[0] % 2 == 0) {
      scan (data, size, &ok);
      return 0;
   }
   chain_lines (data + 1, size - 1, &journal, &lines);
   if (journal.failed || !journal.len) {
      fg_buf_free (&journal);
      return 0;
   }
   if (scan (journal.data, journal.len, &ok) != lines || !ok) {
      abort ();
   }
   read_records (&journal);
   if (scan (journal.data, journal.len - 1, &ok) != lines - 1 || !ok) {
      abort (); /* the last line is torn */
   }
   journal.data[size % (journal.len - 1)] ^= 1;
   scan (journal.data, journal.len, &ok);
   if (ok) {
      abort (); /* changed, and not noticed */
   }
   fg_buf_free (&journal);
   return 0;
}
