/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_WRITE_REPLY_H
#define FGD_WRITE_REPLY_H

/*
 * writeErrors and upserted of insert, update and delete. A reply has to stay below the largest message: once the errors take 8 MiB the rest are listed with
 * their index and code only.
 */

#include "hosts/fieldguardd/commands/write_doc.h"

typedef struct fgd_write_errors {
   bson_t list; /* an array */
   size_t n;
} fgd_write_errors;

void fgd_write_errors_init (fgd_write_errors *errors);
void fgd_write_errors_add (fgd_write_errors *errors, size_t index, const fgd_failure *failure);
/* Appends writeErrors when there are any, and frees the list. */
void fgd_write_errors_finish (fgd_write_errors *errors, bson_t *reply);

/* Appends {code, errmsg, errInfo...} to out. */
void fgd_failure_append (const fgd_failure *failure, bson_t *out, bool brief);
/* The next key of an array under construction. */
const char *fgd_array_key (char buf[24], size_t i);

#endif /* FGD_WRITE_REPLY_H */
