/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_KEY_FILTER_H
#define FG_CLIENT_KEY_FILTER_H

/*
 * The few MongoDB filters that vaults without a server understand: every member names _id, keyAltNames, status or masterKey.<field> and wants it equal
 * to a value, or to one of {$in: [values]}. Whatever else is refused rather than guessed at.
 */

#include <bson/bson.h>
#include <fieldguard/error.h>

bool fg_key_filter_check (const bson_t *filter, fg_error *err) FG_WARN_UNUSED;
/* filter has passed the check. */
bool fg_key_filter_matches (const bson_t *filter, const bson_t *key_document);

#endif /* FG_CLIENT_KEY_FILTER_H */
