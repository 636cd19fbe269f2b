/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_SHRED_H
#define FG_CLIENT_SHRED_H

/*
 * Shredding: keys are deleted, and then the master key that wrapped them, the vault's old epoch (epoch.h), is ended, so that no backup of the vault opens them either.
 *
 * A *roll* moves a vault from one epoch to the next; many shreddings share one. It is a journal, DIR/roll-<uuid>.json, replaced atomically and synced before anything that it says is relied
 * on, and these stages:
 *
 *    deleting   its keys are being deleted
 *    held       they are, and the roll waits for a shredding that names the new epoch
 *    closing    the marker in the vault and, where the KMS can, the KMS refuse new wraps under the old epoch
 *    rewrapping what survives is wrapped anew, and the vault read again, until nothing is left under the old epoch
 *    backup     a backup of the vault is written, read back, and every key of the new epoch in it opened
 *    grace      the old master key is disabled where that can be undone; nothing in the vault needs it
 *    destroying the KMS has been told to destroy it
 *    done
 *
 * Every stage can be done again from its start: killed anywhere, the same command goes on. Under every stage each surviving key is under exactly one master key, the one that its document
 * names.
 */

#include "client/client_internal.h"
#include "client/keys/epoch.h"
#include "client/keys/key_document.h"
#include "client/kms/lifecycle.h"

typedef enum fg_roll_stage {
   FG_ROLL_DELETING,
   FG_ROLL_HELD,
   FG_ROLL_CLOSING,
   FG_ROLL_REWRAPPING,
   FG_ROLL_BACKUP,
   FG_ROLL_GRACE,
   FG_ROLL_DESTROYING,
   FG_ROLL_DONE
} fg_roll_stage;

const char *fg_roll_stage_name (fg_roll_stage stage);

typedef struct fg_roll_key {
   uint8_t id[FG_KEY_ID_LEN];
   bson_t *names; /* an array of strings */
   int64_t deleted_ms; /* 0: not yet */
} fg_roll_key;

/* Times are milliseconds since 1970; 0: not yet. */
typedef struct fg_roll {
   char id[FG_UUID_TEXT_LEN];
   fg_roll_stage stage;
   char *vault; /* as the command names it, without a password */
   bson_t *old_master_key; /* as stored, with provider */
   bson_t *new_master_key; /* NULL while held */
   fg_roll_key *keys;
   size_t n_keys;
   size_t cap_keys;
   int64_t began_ms;
   int64_t closed_ms;
   int64_t rolled_ms;
   int64_t grace_until_ms;
   int64_t destroyed_ms;
   int64_t grace_ms;
   int64_t destroy_days; /* where the KMS lets one choose */
   int64_t retention_ms; /* how long backups of the vault are kept; -1: not said */
   int64_t rewrapped;
   char *backup; /* its path; NULL while held */
   char *backup_sha256; /* 64 digits, once it is prepared */
   int64_t backup_documents;
   char *close_note; /* what the KMS did, or said, about refusing new wraps; NULL: nothing yet */
   char *disable_note;
   bson_t
      *witness; /* {material}: a random key wrapped under the old epoch, with which its end is tried; NULL while held */
} fg_roll;

void fg_roll_clear (fg_roll *roll);
bool fg_roll_add_key (fg_roll *roll, const uint8_t id[FG_KEY_ID_LEN], const bson_t *names,
                      fg_error *err) FG_WARN_UNUSED;
bool fg_roll_has_key (const fg_roll *roll, const uint8_t id[FG_KEY_ID_LEN]);

/* --- the journal (shred_journal.c) ------------------------------------------------------------------------------------- */

bool fg_roll_save (const char *dir, const fg_roll *roll, fg_error *err) FG_WARN_UNUSED;
/* Parses a journal's text; roll: zero. */
bool fg_roll_parse (const uint8_t *text, size_t len, fg_roll *roll, fg_error *err) FG_WARN_UNUSED;

typedef struct fg_rolls {
   fg_roll *list; /* by time of their beginning */
   size_t n;
} fg_rolls;

/* Every roll in a folder; one that cannot be read is an error. A folder that does not exist has none. */
bool fg_rolls_load (const char *dir, fg_rolls *rolls, fg_error *err) FG_WARN_UNUSED;
void fg_rolls_clear (fg_rolls *rolls);
/* One process at a time works in a folder: a descriptor that holds the lock, -1 on failure. */
int fg_rolls_lock (const char *dir, fg_error *err) FG_WARN_UNUSED;

/* --- certificates (shred_certificate.c) -------------------------------------------------------------------------------- */

/* Appends the certificate of the roll as it stands. status: of the old master key at its KMS; opens_still: whether the witness was opened just now. */
bool fg_roll_certify (const char *dir, const char *key_file, const fg_roll *roll, fg_kms *kms,
                      const fg_master_key_status *status, bool opens_still, fg_error *err) FG_WARN_UNUSED;

/* --- the steps (shred.c) ----------------------------------------------------------------------------------------------- */

typedef struct fg_shred {
   fg_client *client;
   const char *dir; /* journals and certificates */
   const char *certificate_key; /* NULL: plain SHA-256 */
   const char *backup_now; /* where the backup lies by now, when it was moved; NULL: where the roll says */
   /* Other vaults, which must have no key under the epoch that ends; may be NULL. */
   fg_key_vault *const *others;
   const char *const *other_names;
   size_t n_others;
   /* What is being done, for people; may be NULL. */
   void (*say) (void *ctx, const char *text);
   void *ctx;
} fg_shred;

/* What a vault holds under an epoch. */
typedef struct fg_epoch_census {
   size_t total;
   size_t under; /* keys under the epoch, markers included */
   size_t elsewhere;
} fg_epoch_census;

bool fg_shred_census (const fg_shred *shred, const bson_t *master_key, fg_epoch_census *out,
                      fg_error *err) FG_WARN_UNUSED;

/* Everything that would refuse a roll to provider and master_key, before anything is deleted. new_master_key: as it will be stored (bson_destroy it). */
bool fg_shred_check (const fg_shred *shred, const fg_roll *roll, const char *provider, const bson_t *master_key,
                     bson_t **new_master_key, fg_error *err) FG_WARN_UNUSED;

/* Goes on with a roll until it waits (held, or in grace with time left), or is done. */
bool fg_shred_run (const fg_shred *shred, fg_roll *roll, fg_error *err) FG_WARN_UNUSED;

#endif /* FG_CLIENT_SHRED_H */
