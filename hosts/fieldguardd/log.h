/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_LOG_H
#define FGD_LOG_H

/*
 * The log: one JSON object a line in mongod's shape,
 *
 *    {"t":{"$date":"2026-01-31T12:00:00.000+00:00"},"s":"I","c":"NETWORK","id":22943,"ctx":"listener","msg":"Connection accepted","attr":{...}}
 *
 * id is stable for one kind of event: mongod's own number where mongod logs the same event, otherwise one from 9100000 on. msg is a constant.
 * No value of a user's document ever stands in a line: names of databases, collections, commands, files and settings do.
 *
 * Any thread may log; a line is written with one write call. ctx is the calling thread's, see fgd_log_set_context.
 */

#include "base/base.h"

#include <fieldguard/module.h>

typedef struct fgd_log fgd_log;

/* path NULL: standard output. append false: an existing file is first renamed to path.<UTC time>, as mongod does. */
fgd_log *fgd_log_open (const char *path, bool append, fg_error *err) FG_WARN_UNUSED;
void fgd_log_close (fgd_log *log); /* NULL is legal */

/* component: as mongod's: "CONTROL", "NETWORK", "STORAGE", "COMMAND", "QUERY", "FGUARD" (modules). attr_json: an object, or NULL. log NULL: standard error. */
void fgd_log_line (fgd_log *log, fg_severity severity, const char *component, int32_t id, const char *msg,
                   const char *attr_json);

/* Names the calling thread in its lines ("conn12", "writer"); cut to 31 bytes. */
void fgd_log_set_context (const char *context);

/* Renames the file to path.<UTC time> and opens a new one. On standard output: nothing. */
bool fgd_log_rotate (fgd_log *log, fg_error *err) FG_WARN_UNUSED;

/* From here on warnings are no longer kept as start-up warnings. */
void fgd_log_startup_over (fgd_log *log);

/* Visits the last lines written, oldest first (at most 1024; with startup_warnings only those of severity W or worse from before fgd_log_startup_over). Returns how
 * many were written in all. */
uint64_t fgd_log_visit_recent (fgd_log *log, bool startup_warnings,
                               void (*visit) (void *ctx, const char *line, size_t len), void *ctx);

/* --- building attr ------------------------------------------------------------------------------------------------ */

/* Zero-initialise; add members; pass fgd_attr_json (never NULL) to fgd_log_line; free. */
typedef struct fgd_attr {
   fg_buf buf;
} fgd_attr;

void fgd_attr_str (fgd_attr *attr, const char *name, const char *value); /* NULL value: null */
void fgd_attr_int (fgd_attr *attr, const char *name, int64_t value);
void fgd_attr_error (fgd_attr *attr, const fg_error *error); /* code, path, message as "error" */
const char *fgd_attr_json (fgd_attr *attr);
void fgd_attr_free (fgd_attr *attr);

#endif /* FGD_LOG_H */
