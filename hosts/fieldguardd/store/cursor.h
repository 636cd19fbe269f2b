/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_STORE_CURSOR_H
#define FGD_STORE_CURSOR_H

/*
 * Open cursors, by id. What a cursor does when it is asked for more is its owner's (commands/); here it is kept, found, closed and timed out. While a
 * getMore runs, the cursor is taken out of the registry's reach (pinned), so that no two threads use it and no time-out frees it.
 *
 * A cursor never holds an LMDB transaction between commands. Threads: any.
 */

#include <fieldguard/error.h>

#define FGD_CURSOR_TIMEOUT_MS 600000
#define FGD_CURSORS_MAX 10000u
#define FGD_CURSORS_MEMORY (UINT64_C (1) << 30) /* of all open cursors together, unless set otherwise */

typedef struct fgd_cursors fgd_cursors;

/* First member of the owner's struct. */
typedef struct fgd_cursor {
   int64_t id; /* positive; given by fgd_cursors_add */
   char ns[256]; /* "db.collection": a getMore must name it */
   void (*free) (struct fgd_cursor *cursor);
   bool no_timeout;
   uint64_t
      held; /* bytes of results that it keeps, as the owner counts them when it adds the cursor; fgd_cursors_resize changes it later */
   uint8_t lsid[16]; /* the session in which it was opened */
   bool in_session;
   int64_t txn_number; /* the transaction in which it was opened: it ends with it; -1: none */
   /* the registry's */
   int64_t last_used_ms;
   bool pinned;
   bool killed;
   struct fgd_cursor *next;
} fgd_cursor;

fgd_cursors *fgd_cursors_new (fg_error *err) FG_WARN_UNUSED;
void fgd_cursors_free (fgd_cursors *cursors); /* frees what is open; nothing is pinned. NULL is legal */

/* Gives the cursor an id, copied to *id, and keeps it: from then on it may be gone at any time. False (146: too many open cursors, or too much memory in them): it is still the caller's. */
bool fgd_cursors_add (fgd_cursors *cursors, fgd_cursor *cursor, int64_t *id, fg_error *err) FG_WARN_UNUSED;
/* NULL: not found (43 CursorNotFound) or in use by another getMore (143). */
fgd_cursor *fgd_cursors_pin (fgd_cursors *cursors, int64_t id, fg_error *err) FG_WARN_UNUSED;
/* Gives it back, or (finished, or killed meanwhile) frees it. */
void fgd_cursors_unpin (fgd_cursors *cursors, fgd_cursor *cursor, bool finished);
typedef enum fgd_kill { FGD_KILL_NOT_FOUND = 0, FGD_KILL_DONE = 1 } fgd_kill;
fgd_kill fgd_cursors_kill (fgd_cursors *cursors, int64_t id, const char *ns);
void fgd_cursors_kill_transaction (fgd_cursors *cursors, const uint8_t lsid[16], int64_t txn_number);
/* What a pinned cursor keeps from now on. False (146: too much memory in open cursors): its command fails, and the cursor is to be unpinned as finished. */
bool fgd_cursors_resize (fgd_cursors *cursors, fgd_cursor *cursor, uint64_t held, fg_error *err) FG_WARN_UNUSED;
void fgd_cursors_set_memory (fgd_cursors *cursors, uint64_t bytes);
void fgd_cursors_set_timeout (fgd_cursors *cursors, int64_t ms);
void fgd_cursors_expire (fgd_cursors *cursors);
void fgd_cursors_count (fgd_cursors *cursors, uint64_t *open, uint64_t *timed_out);
/* How many never time out, and the bytes that all of them keep. */
void fgd_cursors_held (fgd_cursors *cursors, uint64_t *no_timeout, uint64_t *held);

#endif /* FGD_STORE_CURSOR_H */
