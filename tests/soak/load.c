/* SPDX-License-Identifier: Apache-2.0 */

/*
 * load PORT CONNECTIONS SECONDS THINK_MS
 *
 * Mixed traffic from CONNECTIONS connections for SECONDS, each waiting THINK_MS on average between a reply and its next command. Ends with 0 when
 * every reply was the one that was due.
 */

#include "tests/soak/load.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 20000
#define SECONDS_MAX 86400
#define LAST_REPLIES_US 60000000 /* how long the last replies may take */
#define ERRORS_SHOWN 20
#define RECONNECT_EVERY 100 /* commands, on average */

typedef struct connection {
   worker worker;
   int fd;
   bool waiting; /* for a reply */
   int64_t due_us; /* of the next command */
   int64_t sent_us;
   fg_buf in;
} connection;

typedef struct load {
   uint16_t port;
   size_t n;
   int64_t think_us;
   connection *connections;
   int epoll;
   size_t in_flight;
   uint64_t errors;
   uint64_t reconnects;
   uint64_t counts[OP_N];
   int64_t worst_us[OP_N];
   fg_buf out;
   uint64_t random;
} load;

static int64_t
number (const char *text, int64_t least, int64_t most)
{
   char *end = NULL;

   errno = 0;
   long long n = strtoll (text, &end, 10);
   if (errno || end == text || *end || n < least || n > most) {
      fprintf (stderr, "load: '%s' is not a number from %" PRId64 " to %" PRId64 "\n", text, least, most);
      exit (2);
   }
   return n;
}

static void
complain (load *l, const char *why)
{
   if (l->errors++ < ERRORS_SHOWN) {
      fprintf (stderr, "%s\n", why);
   }
}

static int64_t
think (load *l)
{
   l->random = l->random * UINT64_C (6364136223846793005) + UINT64_C (1442695040888963407);
   return l->think_us > 0 ? (int64_t)((l->random >> 33) % (uint64_t)(2 * l->think_us)) : 0;
}

/* --- one connection --------------------------------------------------------------------------------------------------- */

static void
give_up (load *l, connection *c, const char *why)
{
   char text[200];

   snprintf (text, sizeof text, "worker %" PRId64 ", %s: %s", c->worker.number, op_names[c->worker.current], why);
   complain (l, text);
   l->in_flight -= c->waiting;
   c->waiting = false;
   close (c->fd);
   c->fd = -1;
}

static void
ask (load *l, connection *c)
{
   bson_t command = BSON_INITIALIZER;

   worker_next (&c->worker, &command);
   wire_message (&l->out, &command, DB, 1);
   bson_destroy (&command);
   c->sent_us = now_us ();
   c->waiting = true;
   l->in_flight++;
   /* Commands are far smaller than a socket's buffer, and only one is under way. */
   if (l->out.failed || send (c->fd, l->out.data, l->out.len, MSG_NOSIGNAL) != (ssize_t)l->out.len) {
      give_up (l, c, "cannot send");
   }
}

/* Clients come and go. A cursor is not bound to its connection, but these are done with theirs. */
static void
reconnect (load *l, connection *c)
{
   struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

   close (c->fd); /* and so leaves the epoll set */
   c->fd = wire_connect (l->port);
   if (c->fd < 0 || epoll_ctl (l->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0) {
      complain (l, "cannot connect again");
   }
   l->reconnects++;
}

static void
take_reply (load *l, connection *c, size_t len)
{
   char why[1024] = "a reply that is no OP_MSG";
   bson_t reply;
   op done = c->worker.current;
   int64_t us = now_us () - c->sent_us;

   if (!wire_reply (c->in.data, len, &reply) || !worker_check (&c->worker, &reply, why, sizeof why)) {
      complain (l, why);
   }
   l->counts[done]++;
   if (us > l->worst_us[done]) {
      l->worst_us[done] = us;
   }
   c->in.len = 0;
   c->waiting = false;
   l->in_flight--;
   c->due_us = now_us () + (c->worker.cursor ? 0 : think (l));
   if (!c->worker.cursor && (l->random >> 33) % RECONNECT_EVERY == 0) {
      reconnect (l, c);
   }
}

static void
receive (load *l, connection *c)
{
   uint8_t scratch[16384];

   ssize_t n = recv (c->fd, scratch, sizeof scratch, MSG_DONTWAIT);
   if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
      return;
   }
   if (n <= 0) {
      give_up (l, c, n == 0 ? "the server closed the connection" : strerror (errno));
      return;
   }
   fg_buf_append (&c->in, scratch, (size_t)n);
   size_t len = wire_length (c->in.data, c->in.len);
   if (c->in.failed || (len != 0 && c->in.len > len)) {
      give_up (l, c, "more came than was asked for");
   } else if (len != 0 && c->in.len == len) {
      take_reply (l, c, len);
   }
}

/* --- all of them ------------------------------------------------------------------------------------------------------- */

static bool
connect_all (load *l)
{
   l->epoll = epoll_create1 (EPOLL_CLOEXEC);
   for (size_t i = 0; l->epoll >= 0 && i < l->n; i++) {
      connection *c = &l->connections[i];
      struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
      c->worker.number = (int64_t)i;
      c->worker.random = i * 7919 + 1;
      c->fd = wire_connect (l->port);
      if (c->fd < 0 || epoll_ctl (l->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0) {
         fprintf (stderr, "load: connection %zu: %s\n", i, strerror (errno));
         return false;
      }
      c->due_us = now_us () + think (l);
   }
   return l->epoll >= 0;
}

static void
ask_all_due (load *l)
{
   int64_t now = now_us ();

   for (size_t i = 0; i < l->n; i++) {
      connection *c = &l->connections[i];
      if (c->fd >= 0 && !c->waiting && c->due_us <= now) {
         ask (l, c);
      }
   }
}

static void
run (load *l, int64_t seconds)
{
   int64_t end = now_us () + seconds * 1000000;
   struct epoll_event events[256];

   while (now_us () < end || (l->in_flight > 0 && now_us () < end + LAST_REPLIES_US)) {
      if (now_us () < end) {
         ask_all_due (l);
      }
      int n = epoll_wait (l->epoll, events, sizeof events / sizeof *events, 1);
      for (int i = 0; i < n; i++) {
         connection *c = events[i].data.ptr;
         if (c->fd >= 0) {
            receive (l, c);
         }
      }
   }
   if (l->in_flight > 0) {
      fprintf (stderr, "load: %zu commands were not answered\n", l->in_flight);
      l->errors += l->in_flight;
   }
}

static bool
succeeds (int fd, const bson_t *command)
{
   bson_t reply;
   bson_iter_t iter;

   if (!wire_run (fd, command, DB, &reply)) {
      return false;
   }
   bool ok = bson_iter_init_find (&iter, &reply, "ok") && bson_iter_as_int64 (&iter) == 1;
   bson_destroy (&reply);
   return ok;
}

static bool
insert_many (int fd)
{
   bson_t command = BSON_INITIALIZER;
   bson_t documents, doc;
   char key[16];

   bson_append_utf8 (&command, "insert", -1, MANY, -1);
   bson_append_array_begin (&command, "documents", -1, &documents);
   for (int i = 0; i < MANY_N; i++) {
      snprintf (key, sizeof key, "%d", i);
      bson_append_document_begin (&documents, key, -1, &doc);
      bson_append_int32 (&doc, "i", -1, i);
      bson_append_int64 (&doc, "n", -1, 0);
      bson_append_document_end (&documents, &doc);
   }
   bson_append_array_end (&command, &documents);
   bool ok = succeeds (fd, &command);
   bson_destroy (&command);
   return ok;
}

static bool
prepare (uint16_t port)
{
   static const char *const commands[] = {
      "{\"create\": \"" COLLECTION
      "\", \"validator\": {\"$jsonSchema\": {\"properties\": {\"ssn\": {\"encrypt\": {\"keyId\": [{\"$binary\": "
      "{\"base64\": \"AAECAwQFBgcICQoLDA0ODw==\", \"subType\": \"04\"}}], \"algorithm\": "
      "\"AEAD_AES_256_CBC_HMAC_SHA_512-Random\", "
      "\"bsonType\": \"string\"}}}}}}",
      "{\"createIndexes\": \"" COLLECTION "\", \"indexes\": [{\"key\": {\"c\": 1}, \"name\": \"c\"}]}"};
   int fd = wire_connect (port);
   bool ok = fd >= 0;

   for (size_t i = 0; ok && i < sizeof commands / sizeof *commands; i++) {
      bson_error_t error;
      bson_t *command = bson_new_from_json ((const uint8_t *)commands[i], -1, &error);
      ok = command && succeeds (fd, command);
      bson_destroy (command);
   }
   ok = ok && insert_many (fd);
   if (fd >= 0) {
      close (fd);
   }
   return ok;
}

static void
report (load *l, side *pinger, side *operator_)
{
   uint64_t total = 0;

   for (int i = 0; i < OP_N; i++) {
      total += l->counts[i];
      printf ("%-17s %10" PRIu64 "   slowest %8.1f ms\n", op_names[i], l->counts[i], (double)l->worst_us[i] / 1000);
   }
   printf ("commands %" PRIu64 " reconnects %" PRIu64 " operator's %" PRId64 " errors %" PRIu64 "\n", total,
           l->reconnects, operator_->done,
           l->errors + (uint64_t)atomic_load (&pinger->errors) + (uint64_t)atomic_load (&operator_->errors));
   printf ("ping p50 %.2f ms p99 %.2f ms max %.2f ms of %zu\n", percentile (pinger->us, pinger->n_us, 0.5) / 1000.0,
           percentile (pinger->us, pinger->n_us, 0.99) / 1000.0, percentile (pinger->us, pinger->n_us, 1) / 1000.0,
           pinger->n_us);
}

int
main (int argc, char **argv)
{
   load l = {.random = 1};
   atomic_bool stop = false;
   pthread_t threads[2];
   struct rlimit limit;

   if (argc != 5) {
      fprintf (stderr, "usage: load PORT CONNECTIONS SECONDS THINK_MS\n");
      return 2;
   }
   l.port = (uint16_t)number (argv[1], 1, 65535);
   l.n = (size_t)number (argv[2], 1, CONNECTIONS_MAX);
   int64_t seconds = number (argv[3], 1, SECONDS_MAX);
   l.think_us = number (argv[4], 0, 60000) * 1000;
   if (getrlimit (RLIMIT_NOFILE, &limit) == 0) {
      limit.rlim_cur = limit.rlim_max;
      (void)setrlimit (RLIMIT_NOFILE, &limit);
   }
   side pinger = {.port = l.port, .stop = &stop}, operator_ = {.port = l.port, .stop = &stop};
   l.connections = calloc (l.n, sizeof *l.connections);
   if (!l.connections || !prepare (l.port) || !connect_all (&l) ||
       pthread_create (&threads[0], NULL, side_ping, &pinger) != 0) {
      fprintf (stderr, "load: cannot start\n");
      return 1;
   }
   bool operating = pthread_create (&threads[1], NULL, side_operate, &operator_) == 0;
   run (&l, seconds);
   atomic_store (&stop, true);
   pthread_join (threads[0], NULL);
   if (operating) {
      pthread_join (threads[1], NULL);
   }
   report (&l, &pinger, &operator_);
   for (size_t i = 0; i < l.n; i++) {
      if (l.connections[i].fd >= 0) {
         close (l.connections[i].fd);
      }
      fg_buf_free (&l.connections[i].in);
   }
   free (l.connections);
   free (pinger.us);
   fg_buf_free (&l.out);
   close (l.epoll);
   return l.errors || !operating || atomic_load (&pinger.errors) || atomic_load (&operator_.errors) ? 1 : 0;
}
