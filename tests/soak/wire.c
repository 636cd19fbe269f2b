/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/soak/load.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEADER 16u
#define OP_MSG 2013
#define MESSAGE_MAX 48000000u

int64_t
now_us (void)
{
   struct timespec t;

   clock_gettime (CLOCK_MONOTONIC, &t);
   return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* This program runs where its server runs: both are little-endian. */
static void
append_int32 (fg_buf *out, int32_t value)
{
   fg_buf_append (out, &value, sizeof value);
}

void
wire_message (fg_buf *out, const bson_t *command, const char *db, int32_t request_id)
{
   bson_t whole;

   bson_copy_to (command, &whole);
   bson_append_utf8 (&whole, "$db", -1, db, -1);
   out->len = 0;
   append_int32 (out, (int32_t)(HEADER + 5 + whole.len));
   append_int32 (out, request_id);
   append_int32 (out, 0);
   append_int32 (out, OP_MSG);
   append_int32 (out, 0);
   fg_buf_append (out, "", 1);
   fg_buf_append (out, bson_get_data (&whole), whole.len);
   bson_destroy (&whole);
}

size_t
wire_length (const uint8_t *data, size_t len)
{
   return len < HEADER ? 0 : fg_read_u32le (data);
}

bool
wire_reply (const uint8_t *data, size_t len, bson_t *reply)
{
   return len > HEADER + 5 && len <= MESSAGE_MAX && fg_read_u32le (data + 12) == OP_MSG && data[HEADER + 4] == 0 &&
          bson_init_static (reply, data + HEADER + 5, len - HEADER - 5);
}

int
wire_connect (uint16_t port)
{
   struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons (port), .sin_addr.s_addr = htonl (INADDR_LOOPBACK)};
   int on = 1;
   int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

   if (fd < 0) {
      return -1;
   }
   setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
   if (connect (fd, (const struct sockaddr *)&address, sizeof address) != 0) {
      close (fd);
      return -1;
   }
   return fd;
}

static bool
read_all (int fd, uint8_t *data, size_t len)
{
   while (len > 0) {
      ssize_t n = recv (fd, data, len, 0);
      if (n <= 0) {
         return false;
      }
      data += n;
      len -= (size_t)n;
   }
   return true;
}

bool
wire_run (int fd, const bson_t *command, const char *db, bson_t *reply)
{
   fg_buf out = {0};
   uint8_t header[HEADER];
   bson_t view;

   wire_message (&out, command, db, 1);
   bool ok = !out.failed && send (fd, out.data, out.len, MSG_NOSIGNAL) == (ssize_t)out.len &&
             read_all (fd, header, sizeof header);
   fg_buf_free (&out);
   size_t len = ok ? wire_length (header, sizeof header) : 0;
   if (len <= HEADER || len > MESSAGE_MAX) {
      return false;
   }
   uint8_t *data = malloc (len);
   if (data) {
      memcpy (data, header, sizeof header);
   }
   ok = data && read_all (fd, data + HEADER, len - HEADER) && wire_reply (data, len, &view);
   if (ok) {
      bson_copy_to (&view, reply);
   }
   free (data);
   return ok;
}
