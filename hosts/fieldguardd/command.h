/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_COMMAND_H
#define FGD_COMMAND_H

/*
 * Commands: the seam between the network side of fieldguardd (net/, which reads messages and sends replies) and everything that
 * answers them (commands/).
 *
 * A command is a row in a table. The network side looks its name up, checks the generic arguments, and runs it where its flags say:
 *
 *    FGD_RUN_INLINE   on the event loop: answers from memory at once (hello, ping)
 *    FGD_RUN_READ     on a worker thread, inside a read snapshot of the store
 *    FGD_RUN_WRITE    on the store's one writer thread, inside a write transaction that many commands share; the reply leaves only after
 *                     that transaction is on disk and the modules' sync hook has returned
 *
 * Every command of a multi-document transaction, a read too, runs on the writer thread, inside that transaction (commands/transaction.h).
 *
 * One writer thread means: no two writes overlap, so a DDL sees every earlier write finished and every later one not begun.
 */

#include "hosts/fieldguardd/store/transaction.h"

#include <fieldguard/error.h>
#include <fieldguard/host.h>

#include <bson/bson.h>

typedef struct fgd_server fgd_server; /* the process: configuration, log, store, loader, counters (server.h) */
typedef struct fgd_txn fgd_txn; /* a store transaction, read or write (store/store.h) */
typedef struct fgd_session fgd_session; /* a connection's state that outlives one command */
typedef struct fgd_retry fgd_retry; /* the statements of a retryable write (store/retry.h) */

/* An OP_MSG document sequence (kind 1): n_docs documents end to end in data. Checked for structure before the command runs. */
typedef struct fgd_sequence {
   const char *id;
   const uint8_t *data;
   size_t len;
   size_t n_docs;
} fgd_sequence;

#define FGD_SEQUENCES_MAX 8

typedef struct fgd_reply fgd_reply;

typedef struct fgd_request {
   fgd_server *server;
   fgd_session *session;
   const fg_client_info *client;
   const char *name; /* the command's name as the client spelt it */
   const char *db; /* $db */
   bson_t body; /* a static view of the command document: valid until the reply is sent */
   fgd_sequence sequences[FGD_SEQUENCES_MAX];
   size_t n_sequences;
   int64_t deadline_us; /* monotonic; INT64_MAX without maxTimeMS */
   fgd_txn *txn; /* for READ and WRITE commands */
   bool resumed; /* runs again after fgd_reply.delay_ms */
   void (*follow_up) (
      struct fgd_request *request,
      fgd_reply *
         reply); /* a WRITE command's run may set it: called once what run wrote is on disk, on a worker thread, before the reply leaves; txn is a read snapshot, or
                    * NULL when there is none to be had. It is called in any case; reply holds the failure when there was one */
   void *follow_up_ctx; /* follow_up's */
   fgd_logical logical; /* the logical session, and its transaction (store/transaction.h) */
   fgd_retry *retry; /* while a retryable write runs: what its statements answered before; NULL otherwise */
} fgd_request;

/* What goes back. run fills body with the command's own members; the network side adds `ok` (and code, codeName, errmsg when error.code is not 0). */
struct fgd_reply {
   bson_t body; /* initialised by the network side */
   fg_error
      error; /* domain FG_ERROR_NONE: success. FG_ERROR_SERVER: its code and message; any other domain: 1 InternalError or as mapped */
   bool no_reply; /* moreToCome: nothing is sent */
   int64_t
      delay_ms; /* INLINE only, more than 0: nothing is sent now; the command runs again, resumed, when that time is over */
};

#define FGD_RUN_INLINE 0x1u
#define FGD_RUN_READ 0x2u
#define FGD_RUN_WRITE 0x4u
#define FGD_ADMIN_ONLY 0x8u /* refused with mongod's error unless $db is admin */
#define FGD_TXN_ALLOWED 0x10u /* legal inside a multi-document transaction */

typedef struct fgd_command {
   const char *name; /* looked up case-sensitively */
   uint32_t flags;
   void (*run) (fgd_request *request, fgd_reply *reply);
} fgd_command;

/* Every room of commands/ exports one table, ended by a NULL name; commands/table.c lists them. */
extern const fgd_command fgd_commands_diagnostic[];
extern const fgd_command fgd_commands_ddl[];
extern const fgd_command fgd_commands_crud[];
extern const fgd_command fgd_commands_query[];
extern const fgd_command fgd_commands_session[];
extern const fgd_command fgd_commands_transaction[];
extern const fgd_command fgd_commands_stats[];
extern const fgd_command fgd_commands_absent[];

/* NULL: no such command. */
const fgd_command *fgd_command_find (const char *name);
/* All commands, sorted by name. */
const fgd_command *const *fgd_command_list (size_t *n);

#endif /* FGD_COMMAND_H */
