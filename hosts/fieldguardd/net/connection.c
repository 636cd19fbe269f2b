/* SPDX-License-Identifier: Apache-2.0 */
/* A connection: accept, read, cut into messages, close. An idle one holds no buffer. */
#include "hosts/fieldguardd/net/internal.h"

#include <stdio.h>
#include <stdlib.h>

#define AHEAD_MAX 65536u /* bytes read ahead while a command is in flight */
#define STEAL_MIN 32768u /* from this size on a message takes the buffer instead of a copy */

/* --- the end --------------------------------------------------------------------------------------------------------- */

static void
log_connection (fgd_connection *conn, fg_severity severity, int32_t id, const char *msg, const char *why)
{
   fgd_server *server = conn->net->server;
   fgd_attr attr = {0};
   char remote[96];
   char context[32];

   snprintf (remote, sizeof remote, "%s:%u", conn->session.remote_ip, (unsigned)conn->session.client.remote_port);
   snprintf (context, sizeof context, "conn%lld", (long long)conn->session.client.connection_id);
   fgd_attr_str (&attr, "remote", remote);
   fgd_attr_int (&attr, "connectionId", conn->session.client.connection_id);
   fgd_attr_int (&attr, "connectionCount", atomic_load (&server->counters.connections_current));
   if (why) {
      fgd_attr_str (&attr, "reason", why);
   }
   fgd_log_set_context (context);
   fgd_log_line (server->log, severity, "NETWORK", id, msg, fgd_attr_json (&attr));
   fgd_log_set_context ("listener");
   fgd_attr_free (&attr);
}

void
fgd_connection_release (fgd_connection *conn)
{
   if (conn->open_handles > 0 || conn->op) {
      return;
   }
   fgd_net *net = conn->net;
   if (conn->prev) {
      conn->prev->next = conn->next;
   } else {
      net->connections = conn->next;
   }
   if (conn->next) {
      conn->next->prev = conn->prev;
   }
   free (conn->in);
   conn->in_cap = 0;
   fgd_memory_count_in (conn);
   free (conn);
   fgd_net_check_stopped (net);
}

static void
on_closed (uv_handle_t *handle)
{
   fgd_connection *conn = handle->data;
   conn->open_handles--;
   fgd_connection_release (conn);
}

void
fgd_connection_close (fgd_connection *conn, const char *why)
{
   if (conn->closing) {
      return;
   }
   conn->closing = true;
   atomic_fetch_sub (&conn->net->server->counters.connections_current, 1);
   if (why) {
      log_connection (conn, FG_LOG_WARNING, 9100010, "Closing connection", why);
   } else {
      log_connection (conn, FG_LOG_INFO, 22944, "Connection ended", NULL);
   }
   if (conn->held) { /* nobody else has it */
      conn->held = false;
      fgd_op_free (conn->op);
      conn->op = NULL;
   }
   uv_close ((uv_handle_t *)&conn->tcp, on_closed);
   uv_close ((uv_handle_t *)&conn->hold, on_closed);
}

/* --- messages -------------------------------------------------------------------------------------------------------- */

/* Whether data starts with a whole message; closes the connection when it cannot be one. */
static bool
whole_message (fgd_connection *conn, const uint8_t *data, size_t len, size_t *message_len)
{
   fgd_header header;

   if (len < FGD_HEADER_LEN) {
      return false;
   }
   if (!fgd_wire_read_header (data, FGD_MAX_MESSAGE_SIZE, &header)) {
      fgd_connection_close (conn, "a message's length is below 16 or above 48000000 bytes");
      return false;
   }
   *message_len = (size_t)header.length;
   return len >= *message_len;
}

static void
start (fgd_connection *conn, uint8_t *bytes, size_t len)
{
   fgd_op *op = bytes ? fgd_op_new (conn, bytes, len) : NULL;

   if (!op) {
      fgd_connection_close (conn, "out of memory");
      return;
   }
   conn->op = op;
   fgd_op_dispatch (op);
}

static uint8_t *
copy_bytes (const uint8_t *data, size_t len)
{
   uint8_t *copy = malloc (len);
   if (copy) {
      memcpy (copy, data, len);
   }
   return copy;
}

/* Starts what can be started from data and returns how many bytes that took. */
static size_t
consume (fgd_connection *conn, const uint8_t *data, size_t len)
{
   size_t used = 0;
   size_t n = 0;

   while (!conn->op && !conn->closing && whole_message (conn, data + used, len - used, &n)) {
      start (conn, copy_bytes (data + used, n), n);
      used += n;
   }
   return used;
}

/* True when the buffer held exactly one large message, which took it. */
static bool
steal (fgd_connection *conn)
{
   size_t n = 0;

   if (conn->in_len < STEAL_MIN || conn->op || conn->closing || !whole_message (conn, conn->in, conn->in_len, &n) ||
       n != conn->in_len) {
      return false;
   }
   uint8_t *bytes = conn->in;
   conn->in = NULL;
   conn->in_len = conn->in_cap = 0;
   fgd_memory_count_in (conn);
   start (conn, bytes, n);
   return true;
}

static void on_alloc (uv_handle_t *handle, size_t suggested, uv_buf_t *buf);
static void on_read (uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static void
pause_or_resume (fgd_connection *conn)
{
   bool enough = conn->starved || (conn->op && conn->in_len >= AHEAD_MAX);

   if (conn->closing || conn->paused == enough) {
      return;
   }
   conn->paused = enough;
   if (enough) {
      uv_read_stop ((uv_stream_t *)&conn->tcp);
   } else if (uv_read_start ((uv_stream_t *)&conn->tcp, on_alloc, on_read) != 0) {
      fgd_connection_close (conn, "cannot go on reading");
   }
}

void
fgd_connection_pump (fgd_connection *conn)
{
   if (!steal (conn) && conn->in_len > 0) {
      size_t used = consume (conn, conn->in, conn->in_len);
      conn->in_len -= used;
      if (conn->in_len == 0) {
         free (conn->in);
         conn->in = NULL;
         conn->in_cap = 0;
         fgd_memory_count_in (conn);
      } else if (used > 0) {
         memmove (conn->in, conn->in + used, conn->in_len);
         conn->in_since_us = fgd_now_us ();
      }
   }
   pause_or_resume (conn);
}

/* --- reading --------------------------------------------------------------------------------------------------------- */

/* The buffer grows with what really arrives, so a header that promises much costs nothing. */
static bool
make_room (fgd_connection *conn, size_t want)
{
   if (conn->in_cap - conn->in_len >= want) {
      return true;
   }
   size_t cap = conn->in_cap * 2 > conn->in_len + want ? conn->in_cap * 2 : conn->in_len + want;
   uint8_t *grown = realloc (conn->in, cap);
   if (!grown) {
      return false;
   }
   conn->in = grown;
   conn->in_cap = cap;
   fgd_memory_count_in (conn);
   return true;
}

/* How much of the message that stands first in the buffer is still to come; 0 when that is not known. */
static size_t
missing (const fgd_connection *conn)
{
   fgd_header header;

   if (conn->in_len < FGD_HEADER_LEN || !fgd_wire_read_header (conn->in, FGD_MAX_MESSAGE_SIZE, &header) ||
       (size_t)header.length <= conn->in_len) {
      return 0;
   }
   return (size_t)header.length - conn->in_len;
}

/* Whether the buffer may take `want` more. A buffer that has to grow may have to wait for memory. */
static bool
may_take (fgd_connection *conn, size_t want)
{
   return conn->in_cap - conn->in_len >= want || fgd_memory_admit (conn, want > conn->in_cap ? want : conn->in_cap);
}

static void
on_alloc (uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
   fgd_connection *conn = handle->data;

   (void)suggested;
   if (conn->in_len == 0) {
      *buf = uv_buf_init ((char *)conn->net->scratch, FGD_SCRATCH_LEN);
      return;
   }
   size_t left = missing (conn);
   size_t want = left > 0 && left < FGD_SCRATCH_LEN ? left : FGD_SCRATCH_LEN;
   if (!may_take (conn, want)) {
      fgd_memory_starve (conn);
   }
   if (conn->starved || !make_room (conn, want)) {
      *buf = uv_buf_init (NULL, 0);
      return;
   }
   size_t room = conn->in_cap - conn->in_len;
   if (left > 0 && room > left) {
      room = left; /* not beyond this message, so that it can take the buffer */
   }
   *buf = uv_buf_init ((char *)conn->in + conn->in_len, (unsigned)room);
}

static void
on_scratch (fgd_connection *conn, const uint8_t *data, size_t len)
{
   size_t used = consume (conn, data, len);

   if (conn->closing || used == len) {
      return;
   }
   if (!fgd_memory_admit (conn, len - used) && fgd_memory_exhausted (conn->net)) {
      fgd_connection_close (conn, "memory for half-received messages is used up");
      return;
   }
   if (!make_room (conn, len - used)) {
      fgd_connection_close (conn, "out of memory");
      return;
   }
   conn->in_since_us = fgd_now_us ();
   memcpy (conn->in + conn->in_len, data + used, len - used);
   conn->in_len += len - used;
   pause_or_resume (conn);
}

static void
on_read (uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
   fgd_connection *conn = stream->data;

   if (n == 0) {
      return;
   }
   if (n == UV_ENOBUFS && conn->starved) {
      pause_or_resume (conn);
      return;
   }
   if (n < 0) {
      fgd_connection_close (conn, n == UV_EOF || n == UV_ECONNRESET ? NULL : uv_strerror ((int)n));
      return;
   }
   atomic_fetch_add (&conn->net->server->counters.bytes_in, n);
   if ((uint8_t *)buf->base == conn->net->scratch) {
      on_scratch (conn, conn->net->scratch, (size_t)n);
      return;
   }
   conn->in_len += (size_t)n;
   fgd_connection_pump (conn);
}

void
fgd_connection_try_again (fgd_connection *conn)
{
   size_t left = missing (conn);

   if (may_take (conn, left > 0 && left < FGD_SCRATCH_LEN ? left : FGD_SCRATCH_LEN)) {
      conn->starved = false;
      conn->in_since_us = fgd_now_us (); /* the wait was not its client's */
      pause_or_resume (conn);
   }
}

/* --- the beginning ----------------------------------------------------------------------------------------------------- */

static void
address (const struct sockaddr_storage *from, char *ip, size_t ip_len, uint16_t *port)
{
   if (from->ss_family == AF_INET6) {
      const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)from;
      uv_ip6_name (v6, ip, ip_len);
      *port = ntohs (v6->sin6_port);
   } else {
      const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)from;
      uv_ip4_name (v4, ip, ip_len);
      *port = ntohs (v4->sin_port);
   }
}

static void
fill_session (fgd_connection *conn)
{
   fgd_session *session = &conn->session;
   struct sockaddr_storage ss = {0};
   int len = sizeof ss;

   session->client.size = sizeof session->client;
   session->client.connection_id = ++conn->net->next_connection_id;
   session->client.remote_ip = session->remote_ip;
   session->client.local_ip = session->local_ip;
   session->client.app_name = session->app_name;
   if (uv_tcp_getpeername (&conn->tcp, (struct sockaddr *)&ss, &len) == 0) {
      address (&ss, session->remote_ip, sizeof session->remote_ip, &session->client.remote_port);
   }
   len = sizeof ss;
   if (uv_tcp_getsockname (&conn->tcp, (struct sockaddr *)&ss, &len) == 0) {
      address (&ss, session->local_ip, sizeof session->local_ip, &session->client.local_port);
   }
}

static void
link_connection (fgd_connection *conn)
{
   fgd_net *net = conn->net;

   conn->next = net->connections;
   if (conn->next) {
      conn->next->prev = conn;
   }
   net->connections = conn;
}

void
fgd_connection_accept (fgd_net *net, uv_stream_t *listener)
{
   fgd_counters *counters = &net->server->counters;
   fgd_connection *conn = calloc (1, sizeof *conn);

   if (!conn) {
      net->stalled[(uv_tcp_t *)listener - net->listeners] = true;
      return;
   }
   conn->net = net;
   uv_tcp_init (&net->loop, &conn->tcp);
   uv_timer_init (&net->loop, &conn->hold);
   conn->tcp.data = conn->hold.data = conn;
   conn->open_handles = 2;
   link_connection (conn);
   bool full = atomic_fetch_add (&counters->connections_current, 1) >= net->max_connections;
   if (uv_accept (listener, (uv_stream_t *)&conn->tcp) != 0) {
      fgd_connection_close (conn, "cannot accept");
      return;
   }
   fill_session (conn);
   if (full) {
      atomic_fetch_add (&counters->connections_rejected, 1);
      fgd_connection_close (conn, "Connection refused because there are too many open connections");
      return;
   }
   atomic_fetch_add (&counters->connections_created, 1);
   uv_tcp_nodelay (&conn->tcp, 1);
   uv_tcp_keepalive (&conn->tcp, 1, 120);
   log_connection (conn, FG_LOG_INFO, 22943, "Connection accepted", NULL);
   if (uv_read_start ((uv_stream_t *)&conn->tcp, on_alloc, on_read) != 0) {
      fgd_connection_close (conn, "cannot read");
   }
}

bool
fgd_connection_op_done (fgd_connection *conn)
{
   fgd_op_free (conn->op);
   conn->op = NULL;
   if (conn->closing) {
      fgd_connection_release (conn);
      return false;
   }
   if (conn->net->stopping) {
      fgd_connection_close (conn, NULL);
      return false;
   }
   return true;
}
