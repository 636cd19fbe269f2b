/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_KEYSET_FILE_H
#define FG_CLIENT_KEYSET_FILE_H

/* Key documents in a file: reading, and replacing the file in one step. */

#include "client/keys/keyset.h"

typedef enum fg_keyset_format {
   FG_KEYSET_LINES, /* Extended JSON, documents one after another */
   FG_KEYSET_ARRAY, /* Extended JSON, one array of documents */
   FG_KEYSET_BSON /* BSON documents end to end, as mongodump writes them */
} fg_keyset_format;

/* set: empty. A missing file is FG_E_NOT_FOUND in FG_ERROR_SYSTEM. */
bool fg_keyset_file_read (const char *path, fg_keyset *set, fg_keyset_format *format, fg_error *err) FG_WARN_UNUSED;
/* Parses what a file holds. */
bool fg_keyset_parse (const uint8_t *data, size_t len, bool is_bson, fg_keyset *set, fg_keyset_format *format,
                      fg_error *err) FG_WARN_UNUSED;
/* Written beside path, synced, renamed over it. Keeps the mode of the file there was; 0600 when there was none. */
bool fg_keyset_file_write (const char *path, const fg_keyset *set, fg_keyset_format format,
                           fg_error *err) FG_WARN_UNUSED;

#endif /* FG_CLIENT_KEYSET_FILE_H */
