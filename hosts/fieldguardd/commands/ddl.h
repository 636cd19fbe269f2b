/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_DDL_H
#define FGD_DDL_H

/* What the ddl_ files share. */

#include "hosts/fieldguardd/commands/crud_args.h"

/* 72 where mongod takes no validators: system collections, admin, local, config. */
bool fgd_check_validator_place (const char *db, const char *name, const bson_t *options, fg_error *err) FG_WARN_UNUSED;
/* Whether the collection's validation options can be read, before anything is written. */
bool fgd_check_validator (const bson_t *options, fg_error *err) FG_WARN_UNUSED;

#endif /* FGD_DDL_H */
