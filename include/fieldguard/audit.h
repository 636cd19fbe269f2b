/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIELDGUARD_AUDIT_H
#define FIELDGUARD_AUDIT_H

/*
 * Audit files: JSON lines that prove what was changed, removed or reordered.
 *
 * A file is a sequence of lines, each one JSON object in the shape of mongod's audit messages (atype, ts, local, remote, users, param, result) plus
 * `seq` and `mac`. mac is HMAC-SHA-256, under a key that evolves, of the previous line's mac and this line without its mac. The key of a
 * file is derived one-way from the key of the file before, so that whoever takes the machine today cannot forge yesterday. Without a key file mac
 * is plain SHA-256 of the same bytes: that detects accidents, not an attacker who can recompute it.
 *
 * A file starts with an opening record (which carries the hash of the file before, if any) and, when it was closed in order, ends in a closing
 * record. A missing closing record is a missing tail, unless the next file's opening record says that it found it so after a crash.
 * A last line without its newline is a torn write and is recognised as such.
 *
 * Threads: an fg_audit_log has one mutex inside; append and sync may be called from any thread. Verification is single-threaded. Since 1.0.
 */

#include <fieldguard/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fg_audit_log fg_audit_log;

typedef struct fg_audit_log_options {
   size_t size;
   const char *
      path; /* created 0600; an existing file is verified from its last line on, closed where a crash left it open, and rotated or continued */
   const char *key_file; /* NULL: plain SHA-256. 32 to 4096 bytes; must not be accessible by group or others */
} fg_audit_log_options;

fg_audit_log *fg_audit_log_open (const fg_audit_log_options *options, fg_error *err) FG_WARN_UNUSED;
/* fields_json: the record's members without seq and mac, a JSON object's inside: "\"atype\":\"...\",...". Written at once, not yet durable. A failed or short write is undone
 * (the file is cut back to the last whole line) and reported. */
bool fg_audit_log_append (fg_audit_log *log, const char *fields_json, size_t len, fg_error *err) FG_WARN_UNUSED;
/* Makes sure that n more bytes can be written (fallocate beyond the end): FG_E_NO_SPACE otherwise. */
bool fg_audit_log_reserve (fg_audit_log *log, size_t n, fg_error *err) FG_WARN_UNUSED;
/* fdatasync if anything was appended since the last one. */
bool fg_audit_log_sync (fg_audit_log *log, fg_error *err) FG_WARN_UNUSED;
/* Closes the file with a closing record, renames it to path.<UTC timestamp>, opens a new one that starts with its hash. */
bool fg_audit_log_rotate (fg_audit_log *log, fg_error *err) FG_WARN_UNUSED;
/* Writes the closing record, syncs, closes. NULL is legal. */
bool fg_audit_log_close (fg_audit_log *log, fg_error *err);

/* Now, as it stands in `ts`: "2026-11-22T05:01:02.345Z". buf: at least 32 bytes. */
void fg_audit_timestamp (char *buf, size_t len);

typedef enum fg_audit_finding {
   FG_AUDIT_OK = 0,
   FG_AUDIT_CHANGED, /* a line's mac does not fit its content: changed, or a line before it was removed or moved (the message says which as far as seq tells) */
   FG_AUDIT_REMOVED, /* seq jumps forward */
   FG_AUDIT_REORDERED, /* seq goes back */
   FG_AUDIT_TORN, /* the last line has no newline: a crash while writing */
   FG_AUDIT_TAIL_MISSING, /* no closing record, and no next file that explains it */
   FG_AUDIT_FILE_MISSING, /* a file's opening record names a predecessor that is not the file given before it */
   FG_AUDIT_NOT_AUDIT /* the file does not start with an opening record */
} fg_audit_finding;

typedef struct fg_audit_report {
   size_t size;
   fg_audit_finding finding; /* the first one */
   size_t file; /* index into paths */
   uint64_t line; /* counted from 1 */
   uint64_t records; /* lines that verified */
   bool keyed;
   char message[512];
} fg_audit_report;

/* Verifies files in the order given, oldest first. key_file NULL: as plain SHA-256. still_open: a missing closing record of the last file is no finding. False: could not be
 * verified at all (unreadable file, wrong kind of key). True: see report->finding. */
bool fg_audit_verify (const char *const *paths, size_t n_paths, const char *key_file, bool still_open,
                      fg_audit_report *report, fg_error *err) FG_WARN_UNUSED;

#ifdef __cplusplus
}
#endif
#endif /* FIELDGUARD_AUDIT_H */
