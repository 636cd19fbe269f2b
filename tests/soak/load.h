/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_SOAK_LOAD_H
#define FG_SOAK_LOAD_H

/*
 * A load generator whose every reply can be checked: each connection works on documents that nobody else touches, so it knows what the server has to
 * answer, to the last counter. One thread drives all of them with epoll; a second one pings on a connection of its own and measures; a third one does
 * what an operator does meanwhile (rules change, indexes come and go, status is read, logs are rotated).
 */

#include "base/base.h"

#include <bson/bson.h>

#include <stdatomic.h>

#define SLOTS 16
#define COLLECTION "load"
#define DB "soak"
#define MANY "many" /* a collection of as many documents as make an update let others in */
#define MANY_N 3000

typedef enum op {
   OP_INSERT,
   OP_PLAINTEXT_INSERT, /* must be refused with 121 */
   OP_PLAINTEXT_UPDATE, /* the same */
   OP_FIND,
   OP_GET_MORE,
   OP_UPDATE,
   OP_UPDATE_MANY,
   OP_FIND_AND_MODIFY,
   OP_DELETE,
   OP_AGGREGATE,
   OP_COUNT,
   OP_PING,
   OP_N
} op;

extern const char *const op_names[OP_N];

/* What one connection has stored, as far as the server has acknowledged it. */
typedef struct worker {
   int64_t number;
   uint64_t random;
   bool present[SLOTS];
   int64_t v[SLOTS];
   int n;
   bool filled; /* enough for the mix to begin */
   /* of the command under way */
   op current;
   int slot;
   int64_t cursor;
   int seen; /* documents of a find so far */
} worker;

/* ops.c: fills command (initialised by the caller) with the worker's next one. */
void worker_next (worker *w, bson_t *command);
/* Checks the reply and takes it over into the worker's state. False: why says what was wrong. */
bool worker_check (worker *w, const bson_t *reply, char *why, size_t why_len);

/* wire.c: OP_MSG around a command; wire_length is 0 while the header is not there yet. */
void wire_message (fg_buf *out, const bson_t *command, const char *db, int32_t request_id);
size_t wire_length (const uint8_t *data, size_t len);
bool wire_reply (const uint8_t *data, size_t len, bson_t *reply);
int wire_connect (uint16_t port);
/* One command and its reply on a blocking socket; reply is to be destroyed. */
bool wire_run (int fd, const bson_t *command, const char *db, bson_t *reply);

/* side.c: the two threads beside the load; both run until *stop. */
typedef struct side {
   uint16_t port;
   atomic_bool *stop;
   atomic_int errors;
   int64_t done;
   uint32_t *us; /* pinger: one latency a ping */
   size_t n_us, cap_us;
} side;

void *side_ping (void *arg);
void *side_operate (void *arg);
uint32_t percentile (uint32_t *values, size_t n, double p); /* sorts values */
int64_t now_us (void);

#endif /* FG_SOAK_LOAD_H */
