/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_SECRET_H
#define FG_CLIENT_SECRET_H

/*
 * Memory for key bytes and credentials, and random bytes that no fork repeats.
 *
 * An fg_secret lives in pages that are locked (never swapped), left out of core dumps and fenced by inaccessible pages; its bytes are zero when
 * it is new and wiped when it is freed. Where the kernel refuses to lock (RLIMIT_MEMLOCK), fg_secret_new fails and says so. What this cannot hide:
 * whoever may read a live process's memory reads its keys.
 *
 * Secrets are inherited by a forked child (which could not decrypt otherwise); the random pool is not (MADV_WIPEONFORK, and a generation that a
 * fork handler raises where the kernel lacks it).
 *
 * Threads: every function may be called from any thread; an fg_secret's bytes are the caller's to guard.
 */

#include <fieldguard/error.h>

typedef struct fg_secret {
   uint8_t *bytes;
   size_t len;
} fg_secret;

#define FG_SECRET_MAX (1024u * 1024u)

/* len zero bytes, 1 to FG_SECRET_MAX. */
fg_secret *fg_secret_new (size_t len, fg_error *err) FG_WARN_UNUSED;
/* A copy; the caller wipes its own. */
fg_secret *fg_secret_copy (const void *bytes, size_t len, fg_error *err) FG_WARN_UNUSED;
/* Shortens what len says; the bytes cut off are wiped. */
void fg_secret_truncate (fg_secret *secret, size_t len);
void fg_secret_free (fg_secret *secret); /* NULL is legal */

/* Bytes of locked memory now in use by secrets, for tests and statistics. */
size_t fg_secret_in_use (void);

/* Public random bytes (IVs, identifiers) out of a pool that is filled in blocks. */
bool fg_random_public (uint8_t *out, size_t len, fg_error *err) FG_WARN_UNUSED;
/* Random bytes that are to stay secret (data keys): straight from OpenSSL's private generator. */
bool fg_random_private (uint8_t *out, size_t len, fg_error *err) FG_WARN_UNUSED;

#endif /* FG_CLIENT_SECRET_H */
