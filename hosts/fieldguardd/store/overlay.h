/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_STORE_OVERLAY_H
#define FGD_STORE_OVERLAY_H

/*
 * What a multi-document transaction has written and not yet committed, in memory, over its read snapshot: for each collection the changed records by id,
 * and a table of the unique keys that they hold. A reader inside the transaction sees the snapshot with these records in the place of the snapshot's; what
 * was inserted has ids above every id of the snapshot, so natural order is the order of ids here too.
 *
 * It belongs to the writer thread, like everything of a transaction.
 */

#include "hosts/fieldguardd/store/internal.h"

#define FGD_OVERLAY_MAX (UINT64_C (64) << 20) /* bytes of one transaction's changes */
#define FGD_OVERLAYS_MAX (UINT64_C (256) << 20) /* of all open transactions together */

typedef struct fgd_change {
   uint64_t id;
   uint8_t *doc; /* NULL: deleted */
   size_t len;
   uint32_t version; /* of this record: its keys of earlier versions are void */
   bool in_snapshot; /* the snapshot holds the record */
   fg_op op; /* as the modules judge it again at commit */
   uint32_t flags;
} fgd_change;

typedef struct fgd_changes {
   const fgd_coll *coll; /* of the transaction's catalog */
   fgd_change *list; /* by id */
   size_t n;
   size_t cap;
} fgd_changes;

typedef struct fgd_overlay_key fgd_overlay_key;

struct fgd_overlay {
   uint64_t *total; /* bytes of all overlays of the store */
   uint64_t bytes;
   fgd_changes *colls;
   size_t n_colls;
   fgd_overlay_key **buckets;
   size_t n_buckets;
   size_t n_keys;
   fg_unit unit; /* of the running statement */
   fg_op op; /* what was judged last: the next put is its */
   uint32_t flags;
   bool conflicted; /* the statement met another's write: the transaction must start again */
   fg_error conflict;
   bool busy; /* a statement runs: nothing may free this */
   bool shares; /* which lets other jobs run meanwhile */
   bool doomed; /* one of them has ended the transaction: it is over with its statement */
};

fgd_overlay *fgd_overlay_new (uint64_t *total, fg_error *err) FG_WARN_UNUSED;
void fgd_overlay_free (fgd_overlay *overlay); /* NULL is legal */

/* NULL: this record is as the snapshot has it. */
const fgd_change *fgd_overlay_find (const fgd_overlay *overlay, uint64_t coll_id, uint64_t record);
/* The first change of the collection behind this record id; NULL: none. */
const fgd_change *fgd_overlay_next (const fgd_overlay *overlay, uint64_t coll_id, uint64_t after);
/* How many records more (or less) than in the snapshot. */
int64_t fgd_overlay_count (const fgd_overlay *overlay, uint64_t coll_id);

/* Puts a document (copied), or with doc NULL a deletion. keys is scratch. 257 TransactionTooLarge, 146. */
bool fgd_overlay_put (fgd_overlay *overlay, fgd_keys *keys, const fgd_coll *coll, uint64_t record, bool in_snapshot,
                      const uint8_t *doc, size_t len, fg_error *err) FG_WARN_UNUSED;

/* Walks the records (but `except`) that hold this key now; *cursor is NULL at first. NULL: no more. *exact: equal bytes are equal values. */
const fgd_change *fgd_overlay_key_next (const fgd_overlay *overlay, const fgd_coll *coll, const fgd_index *index,
                                        const uint8_t *key, size_t len, uint64_t except, const fgd_overlay_key **cursor,
                                        bool *exact);

/* Remembers that the statement met another's write, and says so: 112 WriteConflict. Always false. */
bool fgd_overlay_conflict (fgd_overlay *overlay, fg_error *err);

#endif /* FGD_STORE_OVERLAY_H */
