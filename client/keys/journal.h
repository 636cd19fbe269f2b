/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_JOURNAL_H
#define FG_CLIENT_JOURNAL_H

/*
 * The journal of a migration of keys: what was wrapped anew, so that it can be gone on with or undone.
 *
 * An append-only file of mode 0600. Each line is a JSON object that ends in its chain value,
 *
 *    {<fields>, "chain" : "<64 hex digits>" }\n
 *
 * which is the SHA-256 of the line before's chain value (32 zero bytes before the first) and of this line up to the comma in front of "chain". A line that is missing its end is the last write of a
 * process that died: it is cut off. Any other line that does not fit is a damaged journal, and refused. There is no key behind the chain: it shows accidents, not forgery.
 *
 * What stands in it is what stands in a key vault: ids, wrapped keys (ciphertext), names of master keys. Whoever has it and the old master key can open the old wrappings.
 *
 *    state        fields                                  written
 *    begun        version, vault, from, to, masterKey,    first
 *                 filter, backup
 *    backup       documents, bytes, sha256                before the backup gets its name
 *    wrapped      key, old {updateDate, keyMaterial,      synced before the document is replaced
 *                 masterKey}, new {sha256, masterKey}
 *    stored       key                                     after it was replaced; changed: it was somebody else's turn
 *    complete     keys                                    no key is left
 *    rollback                                             before the first wrapping is put back
 *    restored     key                                     after an old wrapping was put back
 *    rolled back  keys                                    nothing is left to put back
 */

#include "client/crypto/sha256.h"

#include <bson/bson.h>
#include <fieldguard/client.h>

/* Borrowed for the time of the call. False ends the scan, which then fails with err. */
typedef bool (*fg_journal_visit) (void *ctx, const bson_t *record, fg_error *err);

#define FG_JOURNAL_LINE_MAX ((size_t)256 * 1024)

/* Walks the lines of a journal. *valid: the bytes of its whole lines; what follows them is a torn one. chain: the last line's. */
bool fg_journal_scan (const uint8_t *data, size_t len, fg_journal_visit visit, void *ctx, size_t *valid,
                      uint8_t chain[FG_SHA256_LEN], fg_error *err) FG_WARN_UNUSED;

/* --- the file ------------------------------------------------------------------------------------------------------- */

typedef struct fg_journal fg_journal;

/* Opens or creates it for this process alone and shows what it holds; a torn last line is cut off. first: what its first line begins with; a file without a whole line that does not begin like that is
 * somebody else's, and refused. *existed: it had a line. FG_E_BUSY: another process has it. */
fg_journal *fg_journal_open (const char *path, const char *first, fg_journal_visit visit, void *ctx, bool *existed,
                             fg_error *err) FG_WARN_UNUSED;
void fg_journal_close (fg_journal *journal); /* NULL is legal */

/* Adds a line in memory. */
bool fg_journal_add (fg_journal *journal, const bson_t *record, fg_error *err) FG_WARN_UNUSED;
/* Writes the lines added; sync: and returns when they are on disk. After a failure the journal takes no more. */
bool fg_journal_flush (fg_journal *journal, bool sync, fg_error *err) FG_WARN_UNUSED;

/* Bytes cut off when it was opened. */
size_t fg_journal_torn (const fg_journal *journal);

#endif /* FG_CLIENT_JOURNAL_H */
