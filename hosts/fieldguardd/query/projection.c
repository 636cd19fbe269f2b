/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/query/projection.h"

#include "hosts/fieldguardd/query/codes.h"
#include "hosts/fieldguardd/query/projector.h"

#include <stdlib.h>

struct fgd_projection {
   fgd_arena arena;
   fgd_projector projector;
   bool empty;
};

static bool
compile (fgd_projection *projection, const uint8_t *spec, size_t len, const uint8_t *let, size_t let_len, fg_error *err)
{
   fgd_scope scope;
   if (!fgd_well_formed (spec, len)) {
      return fgd_bad_bson (err);
   }
   const uint8_t *copy = fgd_arena_copy (&projection->arena, spec, len);
   if (!copy) {
      return fgd_no_memory (err);
   }
   projection->empty = fgd_count (copy, len) == 0;
   return fgd_scope_init (&scope, &projection->arena, let, let_len, err) &&
          fgd_projector_compile (&projection->projector, &scope, copy, len, FGD_PROJECT_UNDECIDED, true, err);
}

fgd_projection *
fgd_projection_compile (const uint8_t *spec, size_t len, const uint8_t *let, size_t let_len, fg_error *err)
{
   fgd_projection *projection = calloc (1, sizeof *projection);
   if (!projection) {
      fgd_no_memory (err);
      return NULL;
   }
   if (!compile (projection, spec, len, let, let_len, err)) {
      fgd_projection_free (projection);
      return NULL;
   }
   return projection;
}

void
fgd_projection_free (fgd_projection *projection)
{
   if (projection) {
      fgd_projector_clear (&projection->projector);
      fgd_arena_free (&projection->arena);
      free (projection);
   }
}

bool
fgd_projection_needs_positional (const fgd_projection *projection)
{
   return projection->projector.positional;
}

bool
fgd_projection_apply (const fgd_projection *projection, const uint8_t *doc, size_t len, size_t positional,
                      int64_t now_ms, fg_buf *out, fg_error *err)
{
   fgd_arena arena = {0};
   fgd_eval eval;
   fgd_buf_reset (out);
   if (!fgd_well_formed (doc, len)) {
      return fgd_bad_bson (err);
   }
   if (projection->empty) {
      fg_buf_append (out, doc, len);
      return out->failed ? fgd_no_memory (err) : true;
   }
   if (projection->projector.positional && positional == SIZE_MAX) {
      return fgd_fail (err, 51246,
                       "Executor error during find command :: caused by :: positional operator '.$' couldn't find a "
                       "matching element in the array");
   }
   fgd_eval_init (&eval, &arena, doc, len, now_ms);
   eval.positional = positional;
   bool ok = fgd_projector_apply (&projection->projector, &eval, out, err);
   fgd_arena_free (&arena);
   return ok;
}
