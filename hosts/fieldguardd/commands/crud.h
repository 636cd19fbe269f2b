/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_CRUD_H
#define FGD_CRUD_H

/*
 * The commands of this folder's crud_, query_ and ddl_ files, one function a command, for their tables.
 */

#include "hosts/fieldguardd/commands/crud_args.h"

void fgd_run_insert (fgd_request *request, fgd_reply *reply);
void fgd_run_update (fgd_request *request, fgd_reply *reply);
void fgd_run_delete (fgd_request *request, fgd_reply *reply);
void fgd_run_find_and_modify (fgd_request *request, fgd_reply *reply);
void fgd_run_bulk_write (fgd_request *request, fgd_reply *reply);

void fgd_run_find (fgd_request *request, fgd_reply *reply);
void fgd_run_get_more (fgd_request *request, fgd_reply *reply);
void fgd_run_kill_cursors (fgd_request *request, fgd_reply *reply);
void fgd_run_count (fgd_request *request, fgd_reply *reply);
void fgd_run_distinct (fgd_request *request, fgd_reply *reply);
void fgd_run_aggregate (fgd_request *request, fgd_reply *reply);

void fgd_run_create (fgd_request *request, fgd_reply *reply);
void fgd_run_coll_mod (fgd_request *request, fgd_reply *reply);
void fgd_run_drop (fgd_request *request, fgd_reply *reply);
void fgd_run_drop_database (fgd_request *request, fgd_reply *reply);
void fgd_run_rename_collection (fgd_request *request, fgd_reply *reply);
void fgd_run_create_indexes (fgd_request *request, fgd_reply *reply);
void fgd_run_list_indexes (fgd_request *request, fgd_reply *reply);
void fgd_run_drop_indexes (fgd_request *request, fgd_reply *reply);
void fgd_run_list_collections (fgd_request *request, fgd_reply *reply);
void fgd_run_list_databases (fgd_request *request, fgd_reply *reply);

/* 16 InvalidLength unless 1 to 100,000. */
bool fgd_check_batch_size (size_t n, fg_error *err) FG_WARN_UNUSED;

#endif /* FGD_CRUD_H */
