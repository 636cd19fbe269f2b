/* SPDX-License-Identifier: Apache-2.0 */
/* From a whole message to its reply: parse, look the command up, run it where its flags say, send. */
#include "hosts/fieldguardd/commands/transaction.h"
#include "hosts/fieldguardd/net/internal.h"

#include <stdio.h>
#include <stdlib.h>

#define LARGE_REPLY 65536u /* what is smaller fits into the socket's buffer, or nearly */
#define CODE_UNAUTHORIZED 13
#define CODE_COMMAND_NOT_FOUND 59
#define CODE_SHUTDOWN 91

static void run_write (fgd_job *job, fgd_txn *txn);
static void write_done (fgd_job *job, const fg_error *failure);

/* --- an operation -------------------------------------------------------------------------------------------------- */

fgd_op *
fgd_op_new (fgd_connection *conn, uint8_t *bytes, size_t len)
{
   fgd_op *op = calloc (1, sizeof *op);

   if (!op) {
      free (bytes);
      return NULL;
   }
   op->conn = conn;
   op->bytes = bytes;
   op->len = len;
   atomic_fetch_add (&conn->net->server->counters.bytes_held_in, (int_fast64_t)len);
   op->job.run = run_write;
   op->job.done = write_done;
   op->request.server = conn->net->server;
   op->request.session = &conn->session;
   op->request.client = &conn->session.client;
   op->request.deadline_us = INT64_MAX;
   op->write.data = op;
   bson_init (&op->reply.body);
   return op;
}

/* The message has been answered: while its reply waits for its reader, only the reply is kept. */
static void
drop_message (fgd_op *op)
{
   atomic_fetch_sub (&op->request.server->counters.bytes_held_in, (int_fast64_t)op->len);
   free (op->bytes);
   op->bytes = NULL;
   op->len = 0;
}

void
fgd_op_free (fgd_op *op)
{
   if (!op) {
      return;
   }
   drop_message (op);
   fgd_memory_forget_out (op);
   bson_destroy (&op->reply.body);
   free (op);
}

/* Forgets what a command has prepared; that nobody waits for a reply stays known. */
static void
reset_reply (fgd_op *op)
{
   bool silent = op->reply.no_reply;

   bson_destroy (&op->reply.body);
   memset (&op->reply, 0, sizeof op->reply);
   bson_init (&op->reply.body);
   op->reply.no_reply = silent;
}

/* --- sending --------------------------------------------------------------------------------------------------------- */

static void
on_written (uv_write_t *write, int status)
{
   fgd_op *op = write->data;
   fgd_connection *conn = op->conn;

   if (status != 0 && !conn->closing) {
      fgd_connection_close (conn, status == UV_ECANCELED ? NULL : uv_strerror (status));
   }
   conn->unsent = 0;
   if (fgd_connection_op_done (conn)) {
      fgd_connection_pump (conn);
   }
}

/* Queues what the socket did not take at once. */
static bool
queue_rest (fgd_op *op, uv_buf_t bufs[2], size_t sent)
{
   unsigned first = 0;

   for (; first < 2 && sent >= bufs[first].len; first++) {
      sent -= bufs[first].len;
   }
   bufs[first].base += sent;
   bufs[first].len -= sent;
   return uv_write (&op->write, (uv_stream_t *)&op->conn->tcp, bufs + first, 2 - first, on_written) == 0;
}

/* True: everything is out and the connection may take its next message. False: on_written will go on, or the connection is closing. */
static bool
finish (fgd_op *op)
{
   fgd_connection *conn = op->conn;
   fgd_net *net = conn->net;

   if (conn->closing || op->reply.no_reply) {
      return fgd_connection_op_done (conn);
   }
   fgd_reply_complete (&op->reply);
   const bson_t *body = &op->reply.body;
   size_t head_len = fgd_wire_reply_head (op->head, &op->message, ++net->next_request_id, body->len);
   uv_buf_t bufs[2] = {uv_buf_init ((char *)op->head, (unsigned)head_len),
                       uv_buf_init ((char *)(uintptr_t)bson_get_data (body), body->len)}; /* libuv only reads it */
   atomic_fetch_add (&net->server->counters.bytes_out, (int_fast64_t)(head_len + body->len));
   int n = uv_try_write ((uv_stream_t *)&conn->tcp, bufs, 2);
   size_t sent = n > 0 ? (size_t)n : 0;
   if (sent == head_len + body->len) {
      return fgd_connection_op_done (conn);
   }
   if (body->len > LARGE_REPLY && fgd_memory_hopeless (net)) {
      fgd_connection_close (conn, "memory for replies is used up, and this client does not read its own at once");
      return fgd_connection_op_done (conn);
   }
   if ((n < 0 && n != UV_EAGAIN) || !queue_rest (op, bufs, sent)) {
      fgd_connection_close (conn, n < 0 && n != UV_EPIPE && n != UV_ECONNRESET ? uv_strerror (n) : NULL);
      return fgd_connection_op_done (conn);
   }
   drop_message (op);
   fgd_memory_count_out (op);
   fgd_memory_note_unsent (conn);
   return false;
}

void
fgd_op_finish_and_pump (fgd_op *op)
{
   fgd_connection *conn = op->conn;

   if (finish (op)) {
      fgd_connection_pump (conn);
   }
}

/* --- waiting --------------------------------------------------------------------------------------------------------- */

static void run_inline (fgd_op *op);

static void
on_hold_over (uv_timer_t *timer)
{
   fgd_connection *conn = timer->data;
   fgd_op *op = conn->op;

   if (conn->closing || !conn->held) {
      return;
   }
   conn->held = false;
   reset_reply (op);
   op->request.resumed = true;
   op->command->run (&op->request, &op->reply);
   fgd_op_finish_and_pump (op);
}

/* --- running ---------------------------------------------------------------------------------------------------------- */

static void
run_inline (fgd_op *op)
{
   fgd_connection *conn = op->conn;

   op->command->run (&op->request, &op->reply);
   if (op->reply.delay_ms <= 0 || conn->net->stopping) {
      finish (op);
      return;
   }
   conn->held = true;
   uv_timer_start (&conn->hold, on_hold_over, (uint64_t)op->reply.delay_ms, 0);
}

/* On the writer thread. */
static void
run_write (fgd_job *job, fgd_txn *txn)
{
   fgd_op *op = (fgd_op *)job;
   char context[32];

   snprintf (context, sizeof context, "conn%lld", (long long)op->request.client->connection_id);
   fgd_log_set_context (context);
   op->request.txn = txn;
   fgd_txn_set_deadline (txn, op->request.deadline_us);
   if (!op->request.logical.has_number) { /* a retryable write and its record of it go together */
      fgd_txn_allow_yield (txn);
   }
   fgd_command_run (op->command, &op->request, &op->reply);
   op->request.txn = NULL;
   fgd_log_set_context ("writer");
}

/* On the writer thread: what run_write prepared is on disk, or failure says why it is not. */
static void
write_done (fgd_job *job, const fg_error *failure)
{
   fgd_op *op = (fgd_op *)job;

   if (failure) {
      fgd_command_batch_failed (&op->request, op->request.server->store);
      reset_reply (op);
      op->reply.error = *failure;
   }
   if (op->request.follow_up) {
      fgd_pool_submit (op->conn->net->pool, op);
   } else {
      fgd_net_post (op->conn->net, op);
   }
}

static size_t
statements (const fgd_request *request, const char *field)
{
   bson_iter_t iter, child;
   size_t n = 0;

   for (size_t i = 0; i < request->n_sequences; i++) {
      if (strcmp (request->sequences[i].id, field) == 0) {
         return request->sequences[i].n_docs;
      }
   }
   if (bson_iter_init_find (&iter, &request->body, field) && BSON_ITER_HOLDS_ARRAY (&iter) &&
       bson_iter_recurse (&iter, &child)) {
      while (bson_iter_next (&child)) {
         n++;
      }
   }
   return n;
}

static void
count (fgd_op *op)
{
   fgd_counters *counters = &op->request.server->counters;
   const char *name = op->command->name;

   if (strcmp (name, "insert") == 0) {
      atomic_fetch_add (&counters->inserts, (int_fast64_t)statements (&op->request, "documents"));
   } else if (strcmp (name, "update") == 0) {
      atomic_fetch_add (&counters->updates, (int_fast64_t)statements (&op->request, "updates"));
   } else if (strcmp (name, "delete") == 0) {
      atomic_fetch_add (&counters->deletes, (int_fast64_t)statements (&op->request, "deletes"));
   } else if (strcmp (name, "find") == 0) {
      atomic_fetch_add (&counters->queries, 1);
   } else if (strcmp (name, "getMore") == 0) {
      atomic_fetch_add (&counters->getmores, 1);
   } else {
      atomic_fetch_add (&counters->commands, 1);
   }
}

static bool
look_up (fgd_op *op, fg_error *err)
{
   fgd_request *request = &op->request;
   bson_iter_t iter;

   if (!bson_init_static (&request->body, op->message.body, op->message.body_len) ||
       !bson_iter_init (&iter, &request->body) || !bson_iter_next (&iter)) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_COMMAND_NOT_FOUND, NULL, "no such command: ''");
   }
   request->name = bson_iter_key (&iter);
   request->n_sequences = op->message.n_sequences;
   memcpy (request->sequences, op->message.sequences, sizeof request->sequences);
   op->command = fgd_command_find (request->name);
   if (!op->command) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_COMMAND_NOT_FOUND, NULL, "no such command: '%.128s'",
                           request->name);
   }
   if (!fgd_generic_read (op, err)) {
      return false;
   }
   if ((op->command->flags & FGD_ADMIN_ONLY) && strcmp (request->db, "admin") != 0) {
      return fg_error_set (err, FG_ERROR_SERVER, CODE_UNAUTHORIZED, NULL,
                           "%s may only be run against the admin database.", op->command->name);
   }
   return fgd_transaction_check (op->command, request, err);
}

static void
run (fgd_op *op)
{
   fgd_net *net = op->conn->net;
   bool with_writer = (op->command->flags & FGD_RUN_WRITE) || op->request.logical.in_transaction;

   count (op);
   if (with_writer || (op->command->flags & FGD_RUN_READ)) {
      net->in_flight++;
      atomic_fetch_add (&net->server->counters.connections_active, 1);
   }
   if (with_writer) {
      fgd_store_submit (net->server->store, &op->job);
   } else if (op->command->flags & FGD_RUN_READ) {
      fgd_pool_submit (net->pool, op);
   } else {
      run_inline (op);
   }
}

void
fgd_op_dispatch (fgd_op *op)
{
   fgd_connection *conn = op->conn;
   fg_error *error = &op->reply.error;

   atomic_fetch_add (&conn->net->server->counters.requests, 1);
   fgd_wire_result result = fgd_wire_parse (op->bytes, op->len, &op->message, error);
   op->reply.no_reply = !op->message.legacy && (op->message.flags & FGD_MSG_MORE_TO_COME);
   if (result == FGD_WIRE_CLOSE) {
      fgd_connection_close (conn, error->message);
      fgd_connection_op_done (conn);
   } else if (result == FGD_WIRE_REPLY_ERROR || !look_up (op, error)) {
      finish (op);
   } else if (conn->net->stopping) {
      fg_error_set (error, FG_ERROR_SERVER, CODE_SHUTDOWN, NULL, "The server is in shutdown");
      fgd_label_shutdown (&op->request, &op->reply);
      finish (op);
   } else {
      run (op);
   }
}
