/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_QUERY_PROJECTION_H
#define FGD_QUERY_PROJECTION_H

/*
 * find's projection, as mongod 8.0 reads it: inclusion, exclusion, dotted and nested paths, $slice, $elemMatch, positional `$`, computed fields. Errors
 * are FG_ERROR_SERVER with mongod's codes (31253, 31254, 31249, ...). Compiled once, read-only afterwards, any number of threads. Since 1.0.
 */

#include <fieldguard/error.h>
#include <fieldguard/match.h>

#include "base/base.h"

typedef struct fgd_projection fgd_projection;

/* spec is copied. An empty one is legal and gives documents back as they are. let: as in fgd_update_compile. */
fgd_projection *fgd_projection_compile (const uint8_t *spec, size_t len, const uint8_t *let, size_t let_len,
                                        fg_error *err) FG_WARN_UNUSED;
void fgd_projection_free (fgd_projection *projection); /* NULL is legal */

/* It holds a positional `$`: match with fg_matcher_check_positional and pass the index. */
bool fgd_projection_needs_positional (const fgd_projection *projection);

/* out is emptied first and holds the projected document on true. positional: SIZE_MAX when no array matched (51246 where one is needed). now_ms: $$NOW. */
bool fgd_projection_apply (const fgd_projection *projection, const uint8_t *doc, size_t len, size_t positional,
                           int64_t now_ms, fg_buf *out, fg_error *err) FG_WARN_UNUSED;

#endif /* FGD_QUERY_PROJECTION_H */
