/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_STORE_SHOW_H
#define FGD_STORE_SHOW_H

/*
 * The text and members of an 11000, which by mongod's interface name the key that was there already. It goes to the client that wrote it and nowhere else.
 */

#include "hosts/fieldguardd/store/store.h"

/* Fills err (11000) and, when detail is not NULL, appends keyPattern and keyValue. Always returns false. */
bool fgd_duplicate_key_error (const char *ns, const fgd_index *index, const fg_value *values, bson_t *detail,
                              fg_error *err);

/* Appends a value where it lies to a document. Missing becomes null. */
bool fgd_append_value (bson_t *out, const char *name, const fg_value *value);

#endif /* FGD_STORE_SHOW_H */
