/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIELDGUARD_MIGRATE_H
#define FIELDGUARD_MIGRATE_H

/*
 * Moving the keys of a vault from one master key to another, while applications go on using them.
 *
 * Data keys stay what they are; only their wrapping changes, so no document of any collection is touched. The journal makes the run safe to kill at any moment and to go on with: the same
 * options again resume it. Before the first key is touched, a backup of the whole vault has been written and read back.
 *
 * A migration looks for keys until it finds none: what other clients make under the old master key meanwhile is migrated too. Clients that keep the old master key in their configuration can make
 * new ones the moment after.
 *
 * A rollback puts the recorded wrappings back, each after it has been opened; so it needs the old master key, and not the new one. Since 0.1.
 */

#include <fieldguard/client.h>

#include <signal.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fg_migrate_options {
   size_t size;
   const char *from; /* a provider's full name; NULL: whatever provider a key has */
   const char *to; /* NULL: the one that it has, with its master key */
   const bson_t *master_key; /* as in fg_data_key_options; only with `to` */
   const bson_t *filter; /* NULL: every key */
   const char *journal; /* a file; created when it is not there; not used by a dry run */
   const char *backup; /* a file that does not exist when the migration begins. NULL: the journal's name and .backup */
   bool dry_run; /* unwrap, wrap and compare everything, store nothing, write no file */
   bool rollback;
   unsigned parallel; /* requests to the KMS under way at once, at most 64; 0: 4 */
   double rate; /* requests to the KMS a second at most; 0: no limit. It is slowed down by throttling anyway */
   const volatile sig_atomic_t *stop; /* NULL, or: not zero ends the run after what is under way */
   void (*progress) (void *ctx, size_t done, size_t total); /* may be NULL */
   /* A key that could not be moved; what: a word or two. May be NULL. */
   void (*failed) (void *ctx, const uint8_t id[FG_KEY_ID_LEN], const char *what, const char *why);
   void *ctx;
   int64_t throttle_ms; /* the first wait after throttling; 0: 250 */
} fg_migrate_options;
#define FG_MIGRATE_OPTIONS_INIT                                                                                        \
   {                                                                                                                   \
      .size = sizeof (fg_migrate_options)                                                                              \
   }

typedef struct fg_migrate_report {
   bool begun; /* false: refused before anything was done */
   bool resumed; /* the journal had been begun before */
   size_t torn; /* bytes of a half-written line that were cut off the journal */
   size_t moved_before; /* keys that earlier runs with this journal had moved */
   size_t found; /* keys to be moved when this run began */
   size_t moved; /* by this run; a dry run: that would be; a rollback: put back */
   size_t
      made_meanwhile; /* keys that other clients made under the old master key during the run; counted in moved, too */
   size_t changed_meanwhile; /* times that another client changed or deleted a key first */
   size_t failed; /* keys that cannot be opened or wrapped */
   size_t left; /* keys that are still to be moved, those included; rollback: that are not as they were */
   size_t backed_up; /* documents in the backup */
   unsigned passes; /* times that the vault was read */
   unsigned throttled; /* times that the KMS asked to be asked later */
} fg_migrate_report;

/* False: the run was refused or ended early, and err says why; report says what was done all the same. True with left > 0: the run went through, and some keys could not be moved. */
FG_EXPORT bool fg_client_migrate_keys (fg_client *client, const fg_migrate_options *options, fg_migrate_report *report,
                                       fg_error *err) FG_WARN_UNUSED;

#ifdef __cplusplus
}
#endif
#endif /* FIELDGUARD_MIGRATE_H */
