/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/environment.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const char *
fg_environment (const char *name)
{
   const char *text = secure_getenv (name);

   return text && *text ? text : NULL;
}

/* --- files ---------------------------------------------------------------------------------------------------------- */

static bool
read_all (int fd, fg_secret *into, size_t *len)
{
   *len = 0;
   for (;;) {
      ssize_t n = read (fd, into->bytes + *len, into->len - *len);
      if (n < 0 && errno == EINTR) {
         continue;
      }
      if (n <= 0) {
         return n == 0;
      }
      *len += (size_t)n;
      if (*len == into->len) {
         errno = EFBIG;
         return false;
      }
   }
}

bool
fg_credential_file (const fg_kms_provider *provider, const char *what, const char *path, fg_secret **out, fg_error *err)
{
   struct stat st;
   size_t len = 0;
   int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

   *out = NULL;
   if (fd < 0 || fstat (fd, &st) != 0 || !S_ISREG (st.st_mode)) {
      int errnum = errno;
      fg_kms_error (err, fd < 0 && errnum != ENOENT ? FG_E_IO : FG_E_NOT_FOUND, provider, "%s %s: %s", what, path,
                    fd < 0 ? strerror (errnum) : "it is no regular file");
      goto done;
   }
   *out = fg_secret_new (FG_CREDENTIAL_FILE_MAX, err);
   if (!*out) {
      goto done;
   }
   bool ok = read_all (fd, *out, &len);
   while (ok && len && isspace ((*out)->bytes[len - 1])) {
      len--;
   }
   if (!ok || len == 0 || memchr ((*out)->bytes, 0, len)) {
      const char *why = ok ? "it is empty, or no text" : strerror (errno);
      fg_secret_free (*out);
      *out = NULL;
      fg_kms_error (err, ok ? FG_E_INVALID : FG_E_IO, provider, "%s %s: %s", what, path, why);
      goto done;
   }
   (*out)->bytes[len] = 0;
   fg_secret_truncate (*out, len + 1);
done:
   if (fd >= 0) {
      close (fd);
   }
   return *out != NULL;
}

/* --- URLs ------------------------------------------------------------------------------------------------------------ */

/* Credentials cross no network in the clear: this machine, or the link-local addresses at which clouds answer their own machines. */
static bool
is_near (const char *endpoint)
{
   static const char *const hosts[] = {"localhost", "metadata.google.internal", NULL};
   size_t len = strcspn (endpoint, ":");

   for (size_t i = 0; hosts[i]; i++) {
      if (strlen (hosts[i]) == len && strncmp (endpoint, hosts[i], len) == 0) {
         return true;
      }
   }
   unsigned part[4];
   char rest;
   int n = sscanf (endpoint, "%3u.%3u.%3u.%3u%c", &part[0], &part[1], &part[2], &part[3], &rest);
   return (n == 4 || (n == 5 && rest == ':')) && part[1] < 256 && part[2] < 256 && part[3] < 256 &&
          (part[0] == 127 || (part[0] == 169 && part[1] == 254));
}

static bool
is_path (const char *text)
{
   for (; *text; text++) {
      if ((unsigned char)*text <= 0x20 || *text == 0x7F || *text == '#') {
         return false;
      }
   }
   return true;
}

bool
fg_url_read (const fg_kms_provider *provider, const char *name, const char *text, fg_url *out, fg_error *err)
{
   memset (out, 0, sizeof *out);
   out->plain = strncmp (text, "http://", 7) == 0;
   bool good = (out->plain || strncmp (text, "https://", 8) == 0) && fg_endpoint_check (text, true) &&
               fg_endpoint_copy (text, out->endpoint, sizeof out->endpoint);
   const char *host = good ? strstr (text, "://") + 3 : "";
   const char *path = host + strlen (out->endpoint);

   if (!good || (*path && *path != '/') || !is_path (path) || strlen (path) >= sizeof out->path) {
      return fg_kms_error (err, FG_E_INVALID, provider, "%s is no URL of a host", name);
   }
   if (out->plain && !is_near (out->endpoint)) {
      return fg_kms_error (err, FG_E_DENIED, provider,
                           "%s has http, which is for loopback and link-local addresses alone: use https", name);
   }
   snprintf (out->path, sizeof out->path, "%s", *path ? path : "/");
   return true;
}

/* --- requests and replies ---------------------------------------------------------------------------------------------- */

bool
fg_fixed_request (void *ctx, fg_http_request *request, fg_error *err)
{
   (void)err;
   *request = *(const fg_http_request *)ctx;
   return true;
}

bool
fg_retry_usual (long status)
{
   return status == 408 || status == 429 || status >= 500;
}

bool
fg_kms_reply_line (const fg_kms_call *call, const fg_http_reply *reply, fg_secret **out, fg_error *err)
{
   size_t len = reply->len;

   while (len && (reply->body->bytes[len - 1] == '\n' || reply->body->bytes[len - 1] == '\r')) {
      len--;
   }
   *out = NULL;
   for (size_t i = 0; i < len; i++) {
      if (reply->body->bytes[i] <= 0x20 || reply->body->bytes[i] >= 0x7F) {
         len = 0;
      }
   }
   if (len == 0 || len > 4096) {
      return fg_kms_error (err, FG_E_INVALID, call->provider,
                           "cannot %s: the reply (HTTP status %ld) is no line of text", call->what, reply->status);
   }
   *out = fg_secret_new (len + 1, err);
   if (*out) {
      memcpy ((*out)->bytes, reply->body->bytes, len);
   }
   return *out != NULL;
}

static bool
lifetime (const fg_http_reply *reply, int64_t *seconds)
{
   fg_json root;
   fg_json value;

   return fg_json_parse ((const char *)reply->body->bytes, reply->len, &root) &&
          fg_json_member (&root, "expires_in", &value) && fg_json_seconds (&value, seconds);
}

bool
fg_kms_reply_token (const fg_kms_call *call, const fg_http_reply *reply, fg_credential *out, fg_error *err)
{
   const fg_kms_io *io = call->provider->io;
   int64_t seconds = 0;

   if (!fg_kms_reply_text (call, reply, "access_token", &out->part[0], err)) {
      return false;
   }
   out->expires = io->now (io->ctx);
   if (!lifetime (reply, &seconds)) {
      return fg_kms_error (err, FG_E_INVALID, call->provider, "cannot %s: the reply has no number `expires_in`",
                           call->what);
   }
   out->expires += seconds;
   return true;
}

bool
fg_utc_seconds (const char *text, int64_t *out)
{
   struct tm tm = {0};
   const char *end = strptime (text, "%Y-%m-%dT%H:%M:%S", &tm);

   if (end && *end == '.') {
      end += 1 + strspn (end + 1, "0123456789");
   }
   if (!end || strcmp (end, "Z") != 0) {
      return false;
   }
   *out = (int64_t)timegm (&tm);
   return true;
}

void
fg_form_append (fg_secret *form, size_t *len, const char *text, bool encode)
{
   static const char digits[] = "0123456789ABCDEF";
   char *out = (char *)form->bytes;

   for (; *text; text++) {
      unsigned char c = (unsigned char)*text;
      if (!encode || isalnum (c) || strchr ("-._~", c)) {
         out[(*len)++] = (char)c;
      } else {
         out[(*len)++] = '%';
         out[(*len)++] = digits[c >> 4];
         out[(*len)++] = digits[c & 15];
      }
   }
}

fg_secret *
fg_bearer (const fg_secret *token, fg_error *err)
{
   fg_secret *out = fg_secret_new (7 + token->len, err);

   if (out) {
      memcpy (out->bytes, "Bearer ", 7);
      memcpy (out->bytes + 7, token->bytes, token->len);
   }
   return out;
}
