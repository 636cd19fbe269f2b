/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_STATS_H
#define FGD_STATS_H

#include "hosts/fieldguardd/commands/crud_args.h"

/* The one document that the stage {$collStats: spec} gives for a collection: its storageStats and count, as asked for. Appended to out. */
bool fgd_coll_stats_document (fgd_request *request, const char *name, const fg_value *spec, fg_buf *out,
                              fg_error *err) FG_WARN_UNUSED;

#endif /* FGD_STATS_H */
