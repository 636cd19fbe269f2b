/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_AUDIT_INTERNAL_H
#define FG_AUDIT_INTERNAL_H

/*
 * What the writer (log.c, rotate.c, recover.c) and the verifier (verify.c) share.
 *
 * A line:   {<fields>,"seq":<n>,"mac":"<64 hex digits>"}\n
 * Its mac:  HMAC-SHA-256 (file key, previous line's mac || the line up to and without ,"mac"...)     or SHA-256 of the same bytes without a key
 * Keys:     file key 0 = HMAC (key file's bytes, label), file key n+1 = HMAC (file key n, label)
 * seq runs on across files; the first line of a file is an opening record, chained to the last mac of the file before (32 zero bytes for none).
 */

#include "base/base.h"

#include <fieldguard/audit.h>

#include <pthread.h>

#define FG_AUDIT_MAC_LEN 32u
#define FG_AUDIT_KEY_LEN 32u
#define FG_AUDIT_KEY_ID_LEN 8u
#define FG_AUDIT_LINE_MAX 65536u /* with its newline */
#define FG_AUDIT_FILES_MAX (1u << 20) /* key derivations that a verifier will do */

#define FG_AUDIT_OPEN_PREFIX "\"atype\":\"fieldguard.auditOpen\","
#define FG_AUDIT_CLOSE_PREFIX "\"atype\":\"fieldguard.auditClose\","

/* A key and what identifies it. keyed false: plain SHA-256 and all zero. */
typedef struct fg_audit_key {
   bool keyed;
   uint8_t key[FG_AUDIT_KEY_LEN];
   uint8_t id[FG_AUDIT_KEY_ID_LEN]; /* of file key 0: tells a wrong key from a changed file */
} fg_audit_key;

/* How a file ended, as the next one's opening record tells it. */
typedef struct fg_audit_end {
   uint8_t mac[FG_AUDIT_MAC_LEN];
   uint64_t seq; /* 0: there was no file before */
   bool closed;
   uint64_t torn; /* bytes after the last whole line */
} fg_audit_end;

/* All that is needed to begin file `file`: what path-state holds. */
typedef struct fg_audit_state {
   uint64_t file;
   fg_audit_key key;
   fg_audit_end previous;
} fg_audit_state;

/* --- mac.c ---------------------------------------------------------------------------------------------------------- */

bool fg_audit_key_read (const char *key_file, fg_audit_key *key, fg_error *err) FG_WARN_UNUSED;
bool fg_audit_key_next (fg_audit_key *key, fg_error *err) FG_WARN_UNUSED;
/* text: the line without ,"mac"...; scratch is reused between calls. */
bool fg_audit_mac (const fg_audit_key *key, const uint8_t previous[FG_AUDIT_MAC_LEN], const char *text, size_t len,
                   uint8_t mac[FG_AUDIT_MAC_LEN], fg_buf *scratch, fg_error *err) FG_WARN_UNUSED;
void fg_audit_hex (const uint8_t *bytes, size_t n, char *out); /* 2n digits and a NUL */
bool fg_audit_unhex (const char *text, uint8_t *bytes, size_t n); /* exactly 2n lower-case digits at text */
bool fg_audit_sha256 (const void *data, size_t len, uint8_t out[32]);

/* --- line.c --------------------------------------------------------------------------------------------------------- */

typedef struct fg_audit_line {
   size_t covered; /* bytes that the mac covers, from the line's start */
   uint64_t seq;
   uint8_t mac[FG_AUDIT_MAC_LEN];
   bool closing;
} fg_audit_line;

typedef struct fg_audit_opening {
   uint64_t file;
   bool keyed;
   uint8_t key_id[FG_AUDIT_KEY_ID_LEN];
   fg_audit_end previous;
} fg_audit_opening;

/* line without its newline. False: it is no audit line. */
bool fg_audit_line_parse (const char *line, size_t len, fg_audit_line *out);
bool fg_audit_opening_parse (const char *line, size_t len, fg_audit_opening *out);
/* Members of the opening and closing records, without seq and mac. */
void fg_audit_opening_format (const fg_audit_state *state, fg_buf *fields);
void fg_audit_closing_format (fg_buf *fields);

/* --- state.c -------------------------------------------------------------------------------------------------------- */

/* *found false and true returned: there is none. */
bool fg_audit_state_read (const char *path, fg_audit_state *state, bool *found, fg_error *err) FG_WARN_UNUSED;
/* Atomically; the old file's bytes are overwritten afterwards as far as the file system lets that mean anything. */
bool fg_audit_state_write (const char *path, const fg_audit_state *state, fg_error *err) FG_WARN_UNUSED;
bool fg_audit_sync_dir (const char *path, fg_error *err) FG_WARN_UNUSED; /* the folder that holds path */

/* --- log.c, rotate.c, recover.c --------------------------------------------------------------------------------------- */

struct fg_audit_log {
   pthread_mutex_t sync_lock; /* held over fdatasync and whatever replaces fd; taken before lock */
   pthread_mutex_t lock;
   char *path;
   char *state_path;
   int fd; /* -1 between two files */
   bool broken; /* what the kernel holds of this file is unknown: nothing more goes into it */
   uint64_t size; /* whole lines */
   uint64_t room; /* reserved on disk up to here, beyond size */
   uint64_t records; /* of this handle */
   uint64_t synced;
   bool pending; /* records were appended since the last sync */
   bool several; /* by more than one thread */
   pthread_t appender; /* by this one, otherwise */
   bool told; /* the sync that failed was the only appender's own */
   uint64_t lost_from,
      lost_upto; /* records behind the first, up to the second, went into a file that could not be synced */
   bool lost; /* nobody may have told their appender yet */
   uint64_t seq;
   uint8_t mac[FG_AUDIT_MAC_LEN];
   fg_audit_state *state; /* in a locked page of its own */
   fg_buf line;
   fg_buf scratch;
};

/* With the lock held. */
bool fg_audit_write_line (fg_audit_log *log, const char *fields, size_t len, fg_error *err) FG_WARN_UNUSED;
/* Creates path and writes the opening record of state->file. */
bool fg_audit_begin_file (fg_audit_log *log, fg_error *err) FG_WARN_UNUSED;
/* Saves state, moves a sealed file away, begins the next. */
bool fg_audit_next_file (fg_audit_log *log, fg_error *err) FG_WARN_UNUSED;
/* Writes the closing record, syncs, and advances state: afterwards there is no open file. */
bool fg_audit_seal (fg_audit_log *log, fg_error *err) FG_WARN_UNUSED;
/* Moves path away under a name with the time. */
bool fg_audit_move_away (const char *path, fg_error *err) FG_WARN_UNUSED;
/* Brings state up to date with what lies at path and moves an old file away, so that fg_audit_begin_file can follow. */
bool fg_audit_recover (fg_audit_log *log, const char *key_file, fg_error *err) FG_WARN_UNUSED;
/* state: from file n, ended as said, to file n + 1. */
bool fg_audit_state_advance (fg_audit_state *state, const fg_audit_end *end, fg_error *err) FG_WARN_UNUSED;

#endif /* FG_AUDIT_INTERNAL_H */
