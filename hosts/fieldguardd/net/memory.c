/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that clients can make the network side hold, and its bounds for the whole process.
 *
 * Coming in: half-received messages and commands under way (receiveMemoryMB). When a message needs more than is left, connections whose message has been
 * arriving for long are closed, the oldest first; when there are none, this connection is not read until memory comes back.
 *
 * Going out: replies that their clients do not read (replyMemoryMB). When replies hold half of it, connections that hardly read are closed, the stillest first;
 * when they hold all of it, workers wait with further reads.
 */
#include "hosts/fieldguardd/net/internal.h"

#include <inttypes.h>
#include <stdlib.h>

#define PATIENCE_US 5000000 /* how long a message may take to arrive, and a reply may lie, while memory is short */
#define PROGRESS_BYTES 65536u /* a client that reads less than this in that time hardly reads */
#define RETRY_MS 50u

static int64_t
limit_in (const fgd_net *net)
{
   return fgd_limit_bytes (&net->server->limits, FGD_LIMIT_RECEIVE_MEMORY_MB);
}

static int64_t
limit_out (const fgd_net *net)
{
   return fgd_limit_bytes (&net->server->limits, FGD_LIMIT_REPLY_MEMORY_MB);
}

/* --- coming in ------------------------------------------------------------------------------------------------------ */

void
fgd_memory_count_in (fgd_connection *conn)
{
   atomic_fetch_add (&conn->net->server->counters.bytes_held_in,
                     (int_fast64_t)conn->in_cap - (int_fast64_t)conn->in_counted);
   conn->in_counted = conn->in_cap;
}

/* Nothing of it is in use: it is not the connection that is being read. */
static void
sacrifice (fgd_connection *conn)
{
   fgd_connection_close (conn, "memory for half-received messages is used up, and this one has been arriving for long");
   free (conn->in);
   conn->in = NULL;
   conn->in_len = conn->in_cap = 0;
   fgd_memory_count_in (conn);
}

/* The connection whose message has been arriving longest, of those that are read (or, starved, of those that wait). */
static fgd_connection *
oldest_half (fgd_connection *but, bool starved)
{
   fgd_connection *found = NULL;

   for (fgd_connection *conn = but->net->connections; conn; conn = conn->next) {
      if (conn != but && !conn->closing && conn->in_cap > 0 && !conn->op && conn->starved == starved &&
          (!found || conn->in_since_us < found->in_since_us)) {
         found = conn;
      }
   }
   return found;
}

/* All memory may be with messages that wait for memory: then the one that waits longest goes on at the expense of the others. */
static fgd_connection *
victim (fgd_connection *conn)
{
   int64_t now = fgd_now_us ();
   fgd_connection *found = oldest_half (conn, false);

   if (!found && conn->net->in_flight == 0) {
      found = oldest_half (conn, true);
      found = found && found->in_since_us > conn->in_since_us ? found : NULL;
   }
   return found && now - found->in_since_us >= PATIENCE_US ? found : NULL;
}

bool
fgd_memory_admit (fgd_connection *conn, size_t want)
{
   const atomic_int_fast64_t *held = &conn->net->server->counters.bytes_held_in;
   int64_t limit = limit_in (conn->net);

   while (atomic_load (held) + (int64_t)want > limit) {
      fgd_connection *other = victim (conn);
      if (!other) {
         return false;
      }
      sacrifice (other);
   }
   return true;
}

bool
fgd_memory_exhausted (const fgd_net *net)
{
   return atomic_load (&net->server->counters.bytes_held_in) > limit_in (net) / 4 * 5;
}

static void
on_retry (uv_timer_t *timer)
{
   fgd_net *net = timer->data;
   bool waiting = false;

   for (fgd_connection *conn = net->connections; conn; conn = conn->next) {
      if (conn->starved && !conn->closing) {
         fgd_connection_try_again (conn);
         waiting = waiting || conn->starved;
      }
   }
   if (!waiting) {
      uv_timer_stop (&net->retry);
   }
}

void
fgd_memory_starve (fgd_connection *conn)
{
   conn->starved = true;
   if (!conn->net->stopping && !uv_is_active ((uv_handle_t *)&conn->net->retry)) {
      uv_timer_start (&conn->net->retry, on_retry, RETRY_MS, RETRY_MS);
   }
}

/* --- going out ------------------------------------------------------------------------------------------------------ */

void
fgd_memory_count_out (fgd_op *op)
{
   int_fast64_t held = op->reply.no_reply ? 0 : (int_fast64_t)op->reply.body.len;

   atomic_fetch_add (&op->request.server->counters.bytes_held_out, held - op->held_out);
   op->held_out = held;
}

bool
fgd_memory_out_full (const fgd_server *server)
{
   return atomic_load (&server->counters.bytes_held_out) > fgd_limit_bytes (&server->limits, FGD_LIMIT_REPLY_MEMORY_MB);
}

void
fgd_memory_forget_out (fgd_op *op)
{
   fgd_net *net = op->conn->net;

   atomic_fetch_sub (&net->server->counters.bytes_held_out, op->held_out);
   op->held_out = 0;
   if (fgd_pool_starved (net->pool) && !fgd_memory_out_full (net->server)) {
      fgd_pool_wake (net->pool);
   }
}

static size_t
unsent (const fgd_connection *conn)
{
   return uv_stream_get_write_queue_size ((const uv_stream_t *)&conn->tcp);
}

void
fgd_memory_note_unsent (fgd_connection *conn)
{
   conn->unsent = unsent (conn);
   conn->unsent_since_us = fgd_now_us ();
}

/* Notes what clients have read since, and closes those that hold memory without reading while it is short. */
void
fgd_memory_look_at_readers (fgd_net *net)
{
   int64_t now = fgd_now_us ();

   for (fgd_connection *conn = net->connections; conn; conn = conn->next) {
      size_t left = conn->unsent > 0 && !conn->closing ? unsent (conn) : 0;
      if (left + PROGRESS_BYTES <= conn->unsent) {
         conn->unsent = left;
         conn->unsent_since_us = now;
      }
   }
   while (atomic_load (&net->server->counters.bytes_held_out) > limit_out (net) / 2) {
      fgd_connection *stillest = NULL;
      for (fgd_connection *conn = net->connections; conn; conn = conn->next) {
         if (conn->unsent > 0 && !conn->closing && now - conn->unsent_since_us >= PATIENCE_US &&
             (!stillest || conn->unsent_since_us < stillest->unsent_since_us)) {
            stillest = conn;
         }
      }
      if (!stillest) {
         return;
      }
      fgd_connection_close (stillest, "memory for replies is short, and this client hardly reads its own");
      fgd_memory_forget_out (stillest->op); /* freed when libuv has given it up */
   }
}

bool
fgd_memory_hopeless (const fgd_net *net)
{
   return atomic_load (&net->server->counters.bytes_held_out) > 2 * limit_out (net);
}
