/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_STORE_SIZES_H
#define FGD_STORE_SIZES_H

/* What a collection takes, and whether its indexes agree with its documents. Both read all of it, in a snapshot. */

#include "hosts/fieldguardd/store/store.h"

typedef struct fgd_sizes {
   uint64_t documents;
   uint64_t document_bytes;
   uint64_t stored_bytes; /* with their keys */
} fgd_sizes;

bool fgd_collection_sizes (fgd_txn *txn, const fgd_coll *coll, fgd_sizes *out, fg_error *err) FG_WARN_UNUSED;
bool fgd_index_sizes (fgd_txn *txn, const fgd_index *index, uint64_t *entries, uint64_t *bytes,
                      fg_error *err) FG_WARN_UNUSED;

typedef struct fgd_index_check {
   uint64_t keys; /* entries that are there */
   uint64_t missing; /* keys of documents that have no entry */
   uint64_t extra; /* entries that no document accounts for */
} fgd_index_check_result;

bool fgd_index_verify (fgd_txn *txn, const fgd_coll *coll, const fgd_index *index, fgd_index_check_result *out,
                       fg_error *err) FG_WARN_UNUSED;

#endif /* FGD_STORE_SIZES_H */
