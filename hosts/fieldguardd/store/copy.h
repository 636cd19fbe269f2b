/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_STORE_COPY_H
#define FGD_STORE_COPY_H

/*
 * Documents that the server writes on a client's behalf: those that $out fills a collection with, and those that a rename carries under another name. Both
 * succeed as a whole or not at all, which takes two things that a plain write has no use for:
 *
 * A copy (fgd_copy) is one unit of work over many batches. Documents are judged under the name that they will have, and what modules have on record for accepted
 * ones is written only when the copy ends with the documents in place.
 *
 * A fill (fgd_fill) is a collection that no catalog names yet: it has its target's options and indexes, batches are put into it, and fgd_fill_replace
 * puts it into the target's place in one step. One that is still there when the process starts is deleted.
 *
 * Threads: the writer's, inside write transactions; between two of them nothing is held but memory.
 */

#include "hosts/fieldguardd/store/store.h"

typedef struct fgd_copy fgd_copy;

/* client is borrowed until the copy ends. options: of the collection that the documents will be in. */
fgd_copy *fgd_copy_new (fgd_store *store, const fg_client_info *client, const char *ns, const bson_t *options,
                        fg_error *err) FG_WARN_UNUSED;
/* Whether a module has rules for the name: without them, documents that stay in their database need not be shown again. */
bool fgd_copy_is_watched (const fgd_copy *copy);
/* As fgd_txn_validate; a document that is refused by others afterwards must end the copy. */
fg_verdict fgd_copy_validate (fgd_copy *copy, uint32_t flags, const uint8_t *post, size_t post_len,
                              fg_refusal *refusal);
/* Between two documents: when very many are on record already, their records are written now, so that they do not eat the memory; should the copy
 * fail after that, they tell of documents that nobody saw. False with err when a module cannot write them. */
bool fgd_copy_relieve (fgd_copy *copy, fg_error *err) FG_WARN_UNUSED;
/* Ends its unit of work and frees it. NULL is legal. */
void fgd_copy_end (fgd_copy *copy, bool committed);

/* target: the existing collection that goes away for it, or NULL. The copy's records are part of it. */
bool fgd_ddl_rename_copied (fgd_txn *txn, const fg_client_info *client, const fgd_coll *coll, const char *db,
                            const char *name, const fgd_coll *target, fgd_copy *copy, fg_error *err) FG_WARN_UNUSED;

typedef struct fgd_fill fgd_fill;

fgd_fill *fgd_fill_begin (fgd_txn *txn, const fg_client_info *client, const char *db, const char *name,
                          fg_error *err) FG_WARN_UNUSED;
const fgd_coll *fgd_fill_collection (const fgd_fill *fill);
fgd_copy *fgd_fill_copy (const fgd_fill *fill);
/* The target goes and the filled collection has its name. 125 when the target's options or indexes are no longer those that the fill began with. */
bool fgd_fill_replace (fgd_txn *txn, const fg_client_info *client, fgd_fill *fill, fg_error *err) FG_WARN_UNUSED;
/* Frees it; unless it has replaced its target, nothing of it remains. NULL is legal. */
void fgd_fill_end (fgd_txn *txn, const fg_client_info *client, fgd_fill *fill);

#endif /* FGD_STORE_COPY_H */
