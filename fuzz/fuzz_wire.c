/* SPDX-License-Identifier: Apache-2.0 */
/* FUZZ-LIBS: fieldguardd-base fieldguard-base ; -lbson-1.0 */

/* A whole message as a client sent it. What the parser accepts must be BSON that libbson can walk, within the message's bounds. */

#include "hosts/fieldguardd/net/wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
must (bool condition)
{
   if (!condition) {
      abort ();
   }
}

/* Visits every element, to the leaves. */
static void
walk (bson_iter_t *iter, int depth)
{
   bson_iter_t child;

   must (depth < 256);
   while (bson_iter_next (iter)) {
      if ((BSON_ITER_HOLDS_DOCUMENT (iter) || BSON_ITER_HOLDS_ARRAY (iter)) && bson_iter_recurse (iter, &child)) {
         walk (&child, depth + 1);
      }
   }
   must (iter->err_off == 0);
}

static void
walk_document (const uint8_t *data, size_t len)
{
   bson_t doc;
   bson_iter_t iter;

   must (bson_init_static (&doc, data, len));
   must (bson_iter_init (&iter, &doc));
   walk (&iter, 0);
}

static void
check_accepted (const fgd_message *m, const uint8_t *data, size_t size)
{
   must (m->body >= data && m->body + m->body_len <= data + size);
   walk_document (m->body, m->body_len);
   for (size_t i = 0; i < m->n_sequences; i++) {
      const fgd_sequence *s = &m->sequences[i];
      size_t pos = 0;
      must (s->data >= data && s->data + s->len <= data + size);
      for (size_t n = 0; n < s->n_docs; n++) {
         uint32_t len = fg_read_u32le (s->data + pos);
         walk_document (s->data + pos, len);
         pos += len;
      }
      must (pos == s->len);
   }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
   fgd_message m;
   fg_error err;

   fg_error_clear (&err);
   fgd_wire_result result = fgd_wire_parse (data, size, &m, &err);
   if (result == FGD_WIRE_OK) {
      check_accepted (&m, data, size);
   } else {
      must (err.domain == FG_ERROR_SERVER && err.code != 0);
   }
   return 0;
}
