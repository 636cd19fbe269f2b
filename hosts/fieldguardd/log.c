/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RECENT_LINES 1024
#define ROTATE_TRIES 1000

typedef struct kept_line {
   char *text;
   size_t len;
} kept_line;

typedef struct kept_ring {
   kept_line lines[RECENT_LINES];
   uint64_t total;
} kept_ring;

struct fgd_log {
   pthread_mutex_t mutex;
   int fd;
   char *path; /* NULL: standard output */
   kept_ring all;
   kept_ring warnings; /* of the start */
   bool startup_over;
};

static _Thread_local char context[32] = "main";

void
fgd_log_set_context (const char *name)
{
   snprintf (context, sizeof context, "%s", name);
}

/* --- lines -------------------------------------------------------------------------------------------------------- */

static void
append_time (fg_buf *out)
{
   struct timespec now;
   struct tm tm;

   clock_gettime (CLOCK_REALTIME, &now);
   gmtime_r (&now.tv_sec, &tm);
   fg_buf_printf (out, "%04d-%02d-%02dT%02d:%02d:%02d.%03d+00:00", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                  tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(now.tv_nsec / 1000000));
}

static void
format_line (fg_buf *out, fg_severity severity, const char *component, int32_t id, const char *msg, const char *attr)
{
   fg_buf_append_str (out, "{\"t\":{\"$date\":\"");
   append_time (out);
   fg_buf_printf (out, "\"},\"s\":\"%c\",\"c\":", (char)severity);
   fg_buf_append_json_string (out, component, strlen (component));
   fg_buf_printf (out, ",\"id\":%" PRId32 ",\"ctx\":", id);
   fg_buf_append_json_string (out, context, strlen (context));
   fg_buf_append_str (out, ",\"msg\":");
   fg_buf_append_json_string (out, msg, strlen (msg));
   if (attr && strcmp (attr, "{}") != 0) {
      fg_buf_append_str (out, ",\"attr\":");
      fg_buf_append_str (out, attr);
   }
   fg_buf_append_str (out, "}\n");
}

/* A log that cannot be written must not stop the server: what does not fit is lost. */
static void
write_all (int fd, const uint8_t *data, size_t len)
{
   while (len > 0) {
      ssize_t n = write (fd, data, len);
      if (n < 0 && errno == EINTR) {
         continue;
      }
      if (n <= 0) {
         return;
      }
      data += n;
      len -= (size_t)n;
   }
}

/* Keeps the line without its newline, for getLog. */
static void
keep (kept_ring *ring, const fg_buf *line)
{
   kept_line *slot = &ring->lines[ring->total % RECENT_LINES];
   char *text = malloc (line->len);

   if (!text || line->len == 0) {
      free (text);
      return;
   }
   memcpy (text, line->data, line->len - 1);
   free (slot->text);
   slot->text = text;
   slot->len = line->len - 1;
   ring->total++;
}

void
fgd_log_line (fgd_log *log, fg_severity severity, const char *component, int32_t id, const char *msg,
              const char *attr_json)
{
   fg_buf line = {0};

   format_line (&line, severity, component, id, msg, attr_json);
   if (line.failed) {
      goto done;
   }
   if (!log) {
      write_all (STDERR_FILENO, line.data, line.len);
      goto done;
   }
   pthread_mutex_lock (&log->mutex);
   write_all (log->fd, line.data, line.len);
   keep (&log->all, &line);
   if (!log->startup_over && (severity == FG_LOG_WARNING || severity == FG_LOG_ERROR || severity == FG_LOG_FATAL)) {
      keep (&log->warnings, &line);
   }
   pthread_mutex_unlock (&log->mutex);
done:
   fg_buf_free (&line);
}

void
fgd_log_startup_over (fgd_log *log)
{
   pthread_mutex_lock (&log->mutex);
   log->startup_over = true;
   pthread_mutex_unlock (&log->mutex);
}

uint64_t
fgd_log_visit_recent (fgd_log *log, bool startup_warnings, void (*visit) (void *ctx, const char *line, size_t len),
                      void *ctx)
{
   pthread_mutex_lock (&log->mutex);
   kept_ring *ring = startup_warnings ? &log->warnings : &log->all;
   uint64_t total = ring->total;
   for (uint64_t i = total > RECENT_LINES ? total - RECENT_LINES : 0; i < total; i++) {
      visit (ctx, ring->lines[i % RECENT_LINES].text, ring->lines[i % RECENT_LINES].len);
   }
   pthread_mutex_unlock (&log->mutex);
   return total;
}

/* --- the file ------------------------------------------------------------------------------------------------------ */

static int
open_file (const char *path, fg_error *err)
{
   int fd = open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

   if (fd < 0) {
      fg_error_set_errno (err, errno, path, "cannot open the log file");
   }
   return fd;
}

/* To path.2026-01-31T12-00-00; a name already taken gets a number. link() refuses to overwrite where rename() would not. */
static bool
move_away (const char *path, fg_error *err)
{
   char stamp[32];
   char target[4096];
   time_t now = time (NULL);
   struct tm tm;

   gmtime_r (&now, &tm);
   strftime (stamp, sizeof stamp, "%Y-%m-%dT%H-%M-%S", &tm);
   for (int i = 0; i < ROTATE_TRIES; i++) {
      int n = i == 0 ? snprintf (target, sizeof target, "%s.%s", path, stamp)
                     : snprintf (target, sizeof target, "%s.%s-%d", path, stamp, i);
      if (n < 0 || (size_t)n >= sizeof target) {
         return fg_error_set_errno (err, ENAMETOOLONG, path, "cannot rotate the log");
      }
      if (link (path, target) == 0) {
         break;
      }
      if (errno != EEXIST) {
         return fg_error_set_errno (err, errno, path, "cannot rotate the log");
      }
   }
   if (unlink (path) != 0) {
      return fg_error_set_errno (err, errno, path, "cannot rotate the log");
   }
   return true;
}

static bool
is_regular_and_filled (const char *path)
{
   struct stat st;
   return stat (path, &st) == 0 && S_ISREG (st.st_mode) && st.st_size > 0;
}

fgd_log *
fgd_log_open (const char *path, bool append, fg_error *err)
{
   fgd_log *log = calloc (1, sizeof *log);

   if (!log) {
      fg_error_set (err, FG_ERROR_LIMIT, FG_E_NOMEM, path, "out of memory");
      return NULL;
   }
   log->fd = -1;
   pthread_mutex_init (&log->mutex, NULL);
   if (!path) {
      log->fd = STDOUT_FILENO;
      return log;
   }
   log->path = strdup (path);
   if (!log->path) {
      fg_error_set (err, FG_ERROR_LIMIT, FG_E_NOMEM, path, "out of memory");
      goto fail;
   }
   if (!append && is_regular_and_filled (path) && !move_away (path, err)) {
      goto fail;
   }
   log->fd = open_file (path, err);
   if (log->fd < 0) {
      goto fail;
   }
   return log;
fail:
   fgd_log_close (log);
   return NULL;
}

void
fgd_log_close (fgd_log *log)
{
   if (!log) {
      return;
   }
   if (log->path && log->fd >= 0) {
      close (log->fd);
   }
   for (size_t i = 0; i < RECENT_LINES; i++) {
      free (log->all.lines[i].text);
      free (log->warnings.lines[i].text);
   }
   pthread_mutex_destroy (&log->mutex);
   free (log->path);
   free (log);
}

bool
fgd_log_rotate (fgd_log *log, fg_error *err)
{
   bool ok = true;

   if (!log->path) {
      return true;
   }
   pthread_mutex_lock (&log->mutex);
   if (is_regular_and_filled (log->path)) {
      ok = move_away (log->path, err);
   }
   int fd = ok ? open_file (log->path, err) : -1;
   if (fd >= 0) {
      close (log->fd);
      log->fd = fd;
   }
   pthread_mutex_unlock (&log->mutex);
   return fd >= 0;
}

/* --- attr ---------------------------------------------------------------------------------------------------------- */

static void
append_name (fgd_attr *attr, const char *name)
{
   fg_buf_append_str (&attr->buf, attr->buf.len == 0 ? "{" : ",");
   fg_buf_append_json_string (&attr->buf, name, strlen (name));
   fg_buf_append_str (&attr->buf, ":");
}

void
fgd_attr_str (fgd_attr *attr, const char *name, const char *value)
{
   append_name (attr, name);
   if (value) {
      fg_buf_append_json_string (&attr->buf, value, strlen (value));
   } else {
      fg_buf_append_str (&attr->buf, "null");
   }
}

void
fgd_attr_int (fgd_attr *attr, const char *name, int64_t value)
{
   append_name (attr, name);
   fg_buf_printf (&attr->buf, "%" PRId64, value);
}

void
fgd_attr_error (fgd_attr *attr, const fg_error *error)
{
   append_name (attr, "error");
   fg_buf_printf (&attr->buf, "{\"domain\":%d,\"code\":%" PRId32 ",\"path\":", (int)error->domain, error->code);
   fg_buf_append_json_string (&attr->buf, error->path, strlen (error->path));
   fg_buf_append_str (&attr->buf, ",\"errmsg\":");
   fg_buf_append_json_string (&attr->buf, error->message, strlen (error->message));
   fg_buf_append_str (&attr->buf, "}");
}

const char *
fgd_attr_json (fgd_attr *attr)
{
   static const char none[] = "{}";

   if (attr->buf.len == 0) {
      return none;
   }
   if (attr->buf.data[attr->buf.len - 1] != 0) {
      fg_buf_append (&attr->buf, "}", 2);
   }
   return attr->buf.failed ? none : (const char *)attr->buf.data;
}

void
fgd_attr_free (fgd_attr *attr)
{
   fg_buf_free (&attr->buf);
}
