/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_SHRED_SCAN_H
#define FG_CLIENT_SHRED_SCAN_H

/*
 * Which documents of a vault are under the epoch that ends. By name (epoch.h), and, since AWS lets one key go under many names, by the name that AWS itself gives: every other AWS master key
 * of the vault is asked about once. What cannot be told refuses: a document that is no key document, a master key that the KMS does not describe.
 */

#include "client/keys/key_list.h"
#include "client/keys/shred.h"

#define FG_SCAN_NAMES_MAX 256u

typedef struct fg_scan {
   const fg_shred *shred;
   const bson_t *master_key; /* of the epoch; borrowed */
   char id[FG_EPOCH_ID_LEN];
   char name[256]; /* the KMS's own; "" when it gives none */
   bool asks; /* other names may mean the same key */
   struct {
      char id[FG_EPOCH_ID_LEN];
      bool under;
   } known[FG_SCAN_NAMES_MAX];
   size_t n_known;
} fg_scan;

bool fg_scan_init (fg_scan *scan, const fg_shred *shred, const bson_t *master_key, fg_error *err) FG_WARN_UNUSED;
bool fg_scan_is_under (fg_scan *scan, const bson_t *master_key, bool *under, fg_error *err) FG_WARN_UNUSED;
/* Reads the vault: documents under the epoch go into `under` (empty before), keys that the roll (may be NULL) shreds and that are there again into `again`. */
bool fg_scan_vault (fg_scan *scan, const fg_roll *roll, fg_key_list *under, fg_key_list *again,
                    fg_error *err) FG_WARN_UNUSED;
/* The same of documents that were read already. */
bool fg_scan_documents (fg_scan *scan, const fg_roll *roll, const fg_key_list *all, fg_key_list *under,
                        fg_key_list *again, fg_error *err) FG_WARN_UNUSED;
bool fg_scan_census (fg_scan *scan, fg_epoch_census *out, fg_error *err) FG_WARN_UNUSED;

/* Refuses when another vault has keys under the epoch (shred_check.c). */
bool fg_shred_is_alone (fg_scan *scan, fg_error *err) FG_WARN_UNUSED;

#endif /* FG_CLIENT_SHRED_SCAN_H */
