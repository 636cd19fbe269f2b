/* SPDX-License-Identifier: Apache-2.0 */
#include "module/fieldguard.h"

#include <stdlib.h>

/* One unit's records. A batch of nothing but refused documents must not eat the memory: beyond the limit they are counted, not kept. */
#define RECORDS_MAX 10000u
#define LINE_OVERHEAD 160u /* seq, mac and punctuation that the audit log adds */

typedef struct record {
   struct record *next;
   fg_record_fate fate;
   fg_buf text;
} record;

typedef struct pending {
   record *first;
   record **last;
   size_t n;
   size_t suppressed; /* refused ones; an accepted one is never suppressed */
   size_t reserved;
} pending;

static pending *
pending_of (fg_unit_view *unit)
{
   pending *list = unit->slot;

   if (!list) {
      list = calloc (1, sizeof *list);
      if (list) {
         list->last = &list->first;
      }
      unit->slot = list;
   }
   return list;
}

bool
fg_pending_add (fg_unit_view *unit, fg_record_fate fate, fg_buf *text)
{
   pending *list = text->failed ? NULL : pending_of (unit);

   if (list && list->n >= RECORDS_MAX && fate != FG_RECORD_ACCEPTED) {
      list->suppressed += fate == FG_RECORD_REFUSED;
      fg_buf_free (text);
      return true;
   }
   record *r = list ? calloc (1, sizeof *r) : NULL;
   if (!list || !r) {
      fg_buf_free (text);
      return false;
   }
   r->fate = fate;
   r->text = *text;
   memset (text, 0, sizeof *text);
   *list->last = r;
   list->last = &r->next;
   list->n++;
   return true;
}

/* All records count, also refused ones: they are written as well. */
static size_t
room_needed (const pending *list)
{
   size_t n = 0;

   for (const record *r = list->first; r; r = r->next) {
      n += r->text.len + LINE_OVERHEAD;
   }
   return n + (list->suppressed ? 512 : 0);
}

bool
fg_module_prepare_commit (void *ctx, fg_unit_view *unit, fg_refusal *refusal)
{
   fg_module *module = ctx;
   pending *list = unit->slot;
   fg_error err = {0};

   if (!list) {
      return true;
   }
   size_t need = room_needed (list);
   if (fg_sink_reserve (module, need, &err)) {
      list->reserved += need;
      return true;
   }
   if (!fg_sink_is_closed (module)) {
      return true;
   }
   fg_sink_refuse (&err, refusal);
   return false;
}

static void
write_record (fg_module *module, const record *r)
{
   if (!fg_sink_append (module, &r->text, NULL) && r->fate != FG_RECORD_PROBE) {
      atomic_store (&module->lost, true);
   }
}

static void
write_suppressed (fg_module *module, size_t n)
{
   record r = {.fate = FG_RECORD_REFUSED};

   if (fg_record_suppressed (n, &r.text)) {
      write_record (module, &r);
   } else {
      atomic_store (&module->lost, true);
   }
   fg_buf_free (&r.text);
}

static void
end_unit (fg_module *module, fg_unit_view *unit, bool committed)
{
   pending *list = unit->slot;

   unit->slot = NULL;
   if (!list) {
      return;
   }
   for (record *r = list->first, *next; r; r = next) {
      next = r->next;
      if (committed || r->fate != FG_RECORD_ACCEPTED) {
         write_record (module, r);
      }
      fg_buf_free (&r->text);
      free (r);
   }
   if (list->suppressed) {
      write_suppressed (module, list->suppressed);
   }
   fg_sink_release (module, list->reserved);
   free (list);
}

void
fg_module_committed (void *ctx, fg_unit_view *unit)
{
   end_unit (ctx, unit, true);
}

void
fg_module_rolled_back (void *ctx, fg_unit_view *unit)
{
   end_unit (ctx, unit, false);
}
