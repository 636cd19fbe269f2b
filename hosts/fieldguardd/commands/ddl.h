/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_DDL_H
#define FGD_DDL_H

/* What the ddl_ files share. */

#include "hosts/fieldguardd/commands/crud_args.h"

/* 72 where mongod takes no validators: system collections, admin, local, config. */
bool fgd_check_validator_place (const char *db, const char *name, const bson_t *options, fg_error *err) FG_WARN_UNUSED;
/* Whether the collection's validation options can be read, before anything is written. */
bool fgd_check_validator (const bson_t *options, fg_error *err) FG_WARN_UNUSED;

/* After a collMod: where a module wants to know what is stored already, the reply waits for a count, writers do not. */
void fgd_survey_stored (fgd_request *request, const char *name);

/* One entry of createIndexes' `indexes`, checked, as listIndexes will return it; *spec is NULL for the index on _id, and the caller's to destroy otherwise. */
bool fgd_index_spec_read (const fg_value *entry, bson_t **spec, fg_error *err) FG_WARN_UNUSED;

#endif /* FGD_DDL_H */
