/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: listeners, signals, what workers and the writer hand back, the way down. */
#include "hosts/fieldguardd/net/internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define BACKLOG 512
#define TICK_MS 1000u
#define GRACE_MS 10000u

/* --- from other threads ---------------------------------------------------------------------------------------------- */

void
fgd_net_post (fgd_net *net, fgd_op *op)
{
   op->next = NULL;
   fgd_memory_count_out (op);
   pthread_mutex_lock (&net->mutex);
   bool first = net->done_head == NULL;
   if (net->done_tail) {
      net->done_tail->next = op;
   } else {
      net->done_head = op;
   }
   net->done_tail = op;
   if (first) { /* under the mutex: the loop cannot have gone while this operation is in flight */
      uv_async_send (&net->wake);
   }
   pthread_mutex_unlock (&net->mutex);
}

void
fgd_net_request_stop (fgd_net *net)
{
   pthread_mutex_lock (&net->mutex);
   net->stop_requested = true;
   if (!net->wake_closed) {
      uv_async_send (&net->wake);
   }
   pthread_mutex_unlock (&net->mutex);
}

/* --- the way down ------------------------------------------------------------------------------------------------------ */

void
fgd_net_check_stopped (fgd_net *net)
{
   if (!net->stopping || net->connections || net->in_flight > 0) {
      return;
   }
   pthread_mutex_lock (&net->mutex);
   bool close_it = !net->wake_closed;
   net->wake_closed = true;
   pthread_mutex_unlock (&net->mutex);
   if (close_it) {
      uv_close ((uv_handle_t *)&net->wake, NULL);
      uv_close ((uv_handle_t *)&net->grace, NULL);
   }
}

static void
close_all (fgd_net *net, bool in_flight_too)
{
   for (fgd_connection *conn = net->connections, *next; conn; conn = next) {
      next = conn->next;
      if (in_flight_too || !conn->op || conn->held) {
         fgd_connection_close (conn, NULL);
      }
   }
}

static void
on_grace_over (uv_timer_t *timer)
{
   close_all (timer->data, true);
}

static void
begin_stop (fgd_net *net, const char *why)
{
   fgd_attr attr = {0};

   if (net->stopping) {
      return;
   }
   net->stopping = true;
   atomic_store (&net->server->stopping, true);
   fgd_attr_str (&attr, "reason", why);
   fgd_log_line (net->server->log, FG_LOG_INFO, "CONTROL", 23378, "Shutting down", fgd_attr_json (&attr));
   fgd_attr_free (&attr);
   for (size_t i = 0; i < net->n_listeners; i++) {
      uv_close ((uv_handle_t *)&net->listeners[i], NULL);
   }
   for (size_t i = 0; i < sizeof net->signals / sizeof *net->signals; i++) {
      uv_close ((uv_handle_t *)&net->signals[i], NULL);
   }
   uv_close ((uv_handle_t *)&net->tick, NULL);
   uv_close ((uv_handle_t *)&net->retry, NULL);
   fgd_pool_wake (net->pool);
   uv_timer_start (&net->grace, on_grace_over, GRACE_MS, 0);
   close_all (net, false);
   fgd_net_check_stopped (net);
}

/* --- callbacks --------------------------------------------------------------------------------------------------------- */

static void
on_wake (uv_async_t *wake)
{
   fgd_net *net = wake->data;

   pthread_mutex_lock (&net->mutex);
   fgd_op *op = net->done_head;
   net->done_head = net->done_tail = NULL;
   bool stop = net->stop_requested;
   pthread_mutex_unlock (&net->mutex);
   while (op) {
      fgd_op *next = op->next;
      net->in_flight--;
      atomic_fetch_sub (&net->server->counters.connections_active, 1);
      fgd_op_finish_and_pump (op);
      op = next;
   }
   if (stop) {
      begin_stop (net, "asked by a command");
   }
   fgd_net_check_stopped (net);
}

static void
on_signal (uv_signal_t *handle, int number)
{
   fgd_net *net = handle->data;
   fg_error err;
   fgd_attr attr = {0};

   if (number != SIGUSR1) {
      begin_stop (net, strsignal (number));
      return;
   }
   fg_error_clear (&err);
   if (!fgd_server_rotate (net->server, &err)) {
      fgd_attr_error (&attr, &err);
      fgd_log_line (net->server->log, FG_LOG_ERROR, "CONTROL", 9100002, "Log rotation failed", fgd_attr_json (&attr));
      fgd_attr_free (&attr);
   }
}

static void
on_tick (uv_timer_t *timer)
{
   fgd_net *net = timer->data;

   fgd_store_tick (net->server->store);
   fgd_memory_look_at_readers (net);
   for (size_t i = 0; i < net->n_listeners; i++) {
      if (net->stalled[i]) { /* libuv asks no more until the connection it holds is accepted */
         net->stalled[i] = false;
         fgd_connection_accept (net, (uv_stream_t *)&net->listeners[i]);
      }
   }
}

static void
on_connection (uv_stream_t *listener, int status)
{
   if (status == 0) {
      fgd_connection_accept (listener->data, listener);
   }
}

/* --- the way up -------------------------------------------------------------------------------------------------------- */

static bool
set_uv_error (int rc, fg_error *err, const char *where, const char *what)
{
   if (rc == UV_EADDRINUSE) {
      return fg_error_set (err, FG_ERROR_SYSTEM, FG_E_EXISTS, where, "%s: %s", what, uv_strerror (rc));
   }
   return fg_error_set_errno (err, -rc, where, "%s", what);
}

static bool
listen_at (fgd_net *net, const char *ip, int port, fg_error *err)
{
   union {
      struct sockaddr any;
      struct sockaddr_in v4;
      struct sockaddr_in6 v6;
   } address;
   char where[96];

   snprintf (where, sizeof where, "%s:%d", ip, port);
   if (net->n_listeners == FGD_LISTENERS_MAX) {
      return fg_error_set (err, FG_ERROR_USAGE, FG_E_TOO_LARGE, "net.bindIp", "names more than %d addresses",
                           FGD_LISTENERS_MAX);
   }
   int rc = strchr (ip, ':') ? uv_ip6_addr (ip, port, &address.v6) : uv_ip4_addr (ip, port, &address.v4);
   if (rc != 0) {
      return set_uv_error (rc, err, where, "not an address");
   }
   uv_tcp_t *listener = &net->listeners[net->n_listeners];
   rc = uv_tcp_init (&net->loop, listener);
   if (rc != 0) {
      return set_uv_error (rc, err, where, "cannot make a socket");
   }
   net->n_listeners++;
   listener->data = net;
   rc = uv_tcp_bind (listener, &address.any, 0);
   if (rc == 0) {
      rc = uv_listen ((uv_stream_t *)listener, BACKLOG, on_connection);
   }
   return rc == 0 || set_uv_error (rc, err, where, "Failed to set up listener");
}

/* The first address decides which port 0 stands for; the others get the same. */
static void
note_port (fgd_net *net)
{
   struct sockaddr_storage ss = {0};
   int len = sizeof ss;

   if (net->server->port != 0 || uv_tcp_getsockname (&net->listeners[0], (struct sockaddr *)&ss, &len) != 0) {
      return;
   }
   net->server->port = ss.ss_family == AF_INET6 ? ntohs (((struct sockaddr_in6 *)(void *)&ss)->sin6_port)
                                                : ntohs (((struct sockaddr_in *)(void *)&ss)->sin_port);
}

static bool
listen_all (fgd_net *net, fg_error *err)
{
   char *list = strdup (net->server->config.bind_ip);
   char *rest = NULL;
   bool ok = list || fg_error_set (err, FG_ERROR_LIMIT, FG_E_NOMEM, NULL, "out of memory");

   net->server->port = net->server->config.port;
   for (char *item = ok ? strtok_r (list, ", ", &rest) : NULL; item && ok; item = strtok_r (NULL, ", ", &rest)) {
      ok = listen_at (net, strcmp (item, "localhost") == 0 ? "127.0.0.1" : item, net->server->port, err);
      if (ok) {
         note_port (net);
      }
   }
   free (list);
   return ok;
}

/* As many open files as the hard limit allows; four of five of them may be connections. */
static int
usable_connections (int wanted)
{
   struct rlimit limit;

   if (getrlimit (RLIMIT_NOFILE, &limit) != 0) {
      return wanted;
   }
   limit.rlim_cur = limit.rlim_max;
   (void)setrlimit (RLIMIT_NOFILE, &limit); /* then the soft limit stays, and is what getrlimit reports */
   if (getrlimit (RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
      return wanted;
   }
   rlim_t most = limit.rlim_cur / 5 * 4;
   return most < (rlim_t)wanted ? (int)most : wanted;
}

static bool
open_handles (fgd_net *net, fg_error *err)
{
   static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};

   int rc = uv_async_init (&net->loop, &net->wake, on_wake);
   net->wake.data = net;
   for (size_t i = 0; rc == 0 && i < sizeof numbers / sizeof *numbers; i++) {
      rc = uv_signal_init (&net->loop, &net->signals[i]);
      net->signals[i].data = net;
      if (rc == 0) {
         rc = uv_signal_start (&net->signals[i], on_signal, numbers[i]);
      }
   }
   if (rc != 0) {
      return set_uv_error (rc, err, NULL, "cannot set up the event loop");
   }
   uv_timer_init (&net->loop, &net->grace);
   net->grace.data = net;
   uv_timer_init (&net->loop, &net->retry);
   net->retry.data = net;
   uv_timer_init (&net->loop, &net->tick);
   net->tick.data = net;
   uv_timer_start (&net->tick, on_tick, TICK_MS, TICK_MS);
   return true;
}

fgd_net *
fgd_net_new (fgd_server *server, fg_error *err)
{
   fgd_net *net = calloc (1, sizeof *net);

   if (!net) {
      fg_error_set (err, FG_ERROR_LIMIT, FG_E_NOMEM, NULL, "out of memory");
      return NULL;
   }
   net->server = server;
   net->max_connections = usable_connections (server->config.max_connections);
   server->max_connections = net->max_connections;
   pthread_mutex_init (&net->mutex, NULL);
   int rc = uv_loop_init (&net->loop);
   if (rc != 0) {
      set_uv_error (rc, err, NULL, "cannot set up the event loop");
      pthread_mutex_destroy (&net->mutex);
      free (net);
      return NULL;
   }
   net->pool = fgd_pool_new (net, err);
   if (!net->pool || !open_handles (net, err) || !listen_all (net, err)) {
      fgd_net_free (net);
      return NULL;
   }
   return net;
}

void
fgd_net_run (fgd_net *net)
{
   fgd_attr attr = {0};

   fgd_log_set_context ("listener");
   fgd_attr_int (&attr, "port", net->server->port);
   fgd_attr_str (&attr, "ssl", "off");
   fgd_log_line (net->server->log, FG_LOG_INFO, "NETWORK", 23016, "Waiting for connections", fgd_attr_json (&attr));
   fgd_attr_free (&attr);
   fgd_log_startup_over (net->server->log);
   uv_run (&net->loop, UV_RUN_DEFAULT);
   fgd_log_set_context ("main");
}

static void
close_handle (uv_handle_t *handle, void *arg)
{
   (void)arg;
   if (!uv_is_closing (handle)) {
      uv_close (handle, NULL);
   }
}

void
fgd_net_free (fgd_net *net)
{
   if (!net) {
      return;
   }
   fgd_pool_free (net->pool);
   uv_walk (&net->loop, close_handle, NULL);
   uv_run (&net->loop, UV_RUN_DEFAULT);
   uv_loop_close (&net->loop);
   pthread_mutex_destroy (&net->mutex);
   free (net);
}
