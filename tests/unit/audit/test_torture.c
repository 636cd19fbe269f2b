/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/audit/fixture.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/syscall.h>

/*
 * Every system call that the log makes fails once in turn, and then from there on, and every allocation once. Afterwards a start without failures must
 * succeed, the whole chain must verify, and whatever was appended and synced must be there. The functions below stand in for the C library's.
 */

static long calls; /* made so far; counted only while counting */
static long fail_at; /* 0: never */
static bool fail_from; /* also every later one */
static bool counting;
static int fail_with;

static bool
fails (void)
{
   if (!counting) {
      return false;
   }
   calls++;
   if (fail_at && (calls == fail_at || (fail_from && calls > fail_at))) {
      errno = fail_with;
      return true;
   }
   return false;
}

ssize_t
pwrite (int fd, const void *data, size_t n, off_t offset)
{
   /* A disk that fills up takes a part first. */
   if (fails ()) {
      if (n > 10 && fail_with == ENOSPC) {
         (void)!syscall (SYS_pwrite64, fd, data, n / 2, offset);
      }
      return -1;
   }
   return syscall (SYS_pwrite64, fd, data, n, offset);
}

ssize_t
write (int fd, const void *data, size_t n)
{
   return fails () ? -1 : syscall (SYS_write, fd, data, n);
}

int
fdatasync (int fd)
{
   return fails () ? -1 : (int)syscall (SYS_fdatasync, fd);
}

int
fsync (int fd)
{
   return fails () ? -1 : (int)syscall (SYS_fsync, fd);
}

int
ftruncate (int fd, off_t length)
{
   return fails () ? -1 : (int)syscall (SYS_ftruncate, fd, length);
}

int
fallocate (int fd, int mode, off_t offset, off_t length)
{
   return fails () ? -1 : (int)syscall (SYS_fallocate, fd, mode, offset, length);
}

int
rename (const char *from, const char *to)
{
   return fails () ? -1 : (int)syscall (SYS_rename, from, to);
}

int
renameat2 (int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
   return fails () ? -1 : (int)syscall (SYS_renameat2, from_dir, from, to_dir, to, flags);
}

int
flock (int fd, int operation)
{
   return fails () ? -1 : (int)syscall (SYS_flock, fd, operation);
}

int
open (const char *path, int flags, ...)
{
   va_list args;
   va_start (args, flags);
   mode_t mode = flags & O_CREAT ? va_arg (args, mode_t) : 0;
   va_end (args);
   return fails () ? -1 : (int)syscall (SYS_openat, AT_FDCWD, path, flags, mode);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_ALLOCATOR 0
#else
#define OWN_ALLOCATOR 1
static bool counting_memory;

void *__libc_malloc (size_t n);
void *__libc_calloc (size_t n, size_t size);
void *__libc_realloc (void *p, size_t n);

static bool
memory_fails (void)
{
   return counting_memory && ++calls == fail_at;
}

void *
malloc (size_t n)
{
   return memory_fails () ? NULL : __libc_malloc (n);
}

void *
calloc (size_t n, size_t size)
{
   return memory_fails () ? NULL : __libc_calloc (n, size);
}

void *
realloc (void *p, size_t n)
{
   return memory_fails () ? NULL : __libc_realloc (p, n);
}
#endif

/* --- the scenario ----------------------------------------------------------------------------------------------------------- */

typedef struct outcome {
   long calls;
   int promised[8];
   size_t n_promised;
   bool last_worked; /* the record at the end: a failure long before it must be over by then */
} outcome;

static void
append_and_sync (fg_audit_log *log, int i, outcome *out)
{
   if (append (log, i, NULL) && fg_audit_log_sync (log, NULL)) {
      out->promised[out->n_promised++] = i;
   }
}

/* Goes on whatever happens, as a server does. */
static void
scenario (const fixture *f, outcome *out)
{
   fg_audit_log *log = open_log (f, f->key, NULL);

   if (!log) {
      out->last_worked = true;
      return;
   }
   append_and_sync (log, 100, out);
   (void)!fg_audit_log_reserve (log, 1000, NULL);
   append_and_sync (log, 101, out);
   (void)!fg_audit_log_rotate (log, NULL);
   append_and_sync (log, 102, out);
   (void)!fg_audit_log_rotate (log, NULL);
   append_and_sync (log, 103, out);
   out->last_worked = out->n_promised > 0 && out->promised[out->n_promised - 1] == 103;
   (void)fg_audit_log_close (log, NULL);
}

/* In a child, so that locks and handles end with it. */
static outcome
run_scenario (const fixture *f, bool memory)
{
   outcome out = {0};
   int ends[2], status = 0;

   CU_ASSERT_FATAL (pipe (ends) == 0);
   pid_t child = fork ();
   if (child == 0) {
      calls = 0;
      counting = !memory;
#if OWN_ALLOCATOR
      counting_memory = memory;
#endif
      scenario (f, &out);
      counting = false;
#if OWN_ALLOCATOR
      counting_memory = false;
#endif
      out.calls = calls;
      _exit (write (ends[1], &out, sizeof out) == (ssize_t)sizeof out ? 0 : 1);
   }
   close (ends[1]);
   CU_ASSERT_EQUAL (read (ends[0], &out, sizeof out), (ssize_t)sizeof out);
   close (ends[0]);
   CU_ASSERT (waitpid (child, &status, 0) == child && status == 0);
   return out;
}

static int
count_record (const fixture *f, int i)
{
   char piece[32];
   int n = 0;

   snprintf (piece, sizeof piece, "\"n\":%d}", i);
   for (size_t file = 0; file < f->n_files; file++) {
      lines l = load (f->files[file]);
      for (const char *at = l.text; (at = strstr (at, piece)) != NULL; at++) {
         n++;
      }
      free (l.text);
   }
   return n;
}

/* One failure, then a run without. False: the chain is not what it should be. */
static bool
survives (long at, bool from, int with, bool memory, long *total)
{
   fixture f;
   fg_error err = {0};

   fixture_begin (&f);
   run_log (&f, f.key, 1);
   fail_at = at;
   fail_from = from;
   fail_with = with;
   outcome out = run_scenario (&f, memory);
   fail_at = 0;
   *total = out.calls;
   bool over = out.last_worked || !memory || out.n_promised == 3;
   fg_audit_log *log = open_log (&f, f.key, &err);
   bool ok = over && log && append (log, 200, &err) && fg_audit_log_close (log, &err);
   fg_audit_report report = verify_all (&f, f.key);
   ok = ok && report.finding == FG_AUDIT_OK && count_record (&f, 200) == 1;
   for (size_t i = 0; i < out.n_promised; i++) {
      ok = ok && count_record (&f, out.promised[i]) == 1;
   }
   if (!ok) {
      printf ("# call %ld%s, errno %d: %s; line %llu: %s\n", at, from ? " and later" : "", with, err.message,
              (unsigned long long)report.line, report.message);
   }
   fixture_end (&f);
   return ok;
}

static void
torture (bool from, int with, bool memory)
{
   long total = 0, ignored = 0;
   int failures = 0;

   CU_ASSERT (survives (0, false, 0, memory, &total));
   CU_ASSERT (total > 20);
   for (long at = 1; at <= total && failures < 5; at++) {
      failures += !survives (at, from, with, memory, &ignored);
   }
   CU_ASSERT_EQUAL (failures, 0);
}

static void
each_call_once (void)
{
   torture (false, EIO, false);
}

static void
each_call_once_disk_full (void)
{
   torture (false, ENOSPC, false);
}

static void
from_each_call_on (void)
{
   torture (true, EIO, false);
}

static void
from_each_call_on_disk_full (void)
{
   torture (true, ENOSPC, false);
}

static void
each_allocation_once (void)
{
#if OWN_ALLOCATOR
   torture (false, ENOMEM, true);
#else
   fg_test_skip ("the sanitizer owns the allocator");
#endif
}

/* --- a sync that fails while others wait for theirs ------------------------------------------------------------------------- */

static pthread_mutex_t stage = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static int act; /* how far the scenario is */

static void
advance (int to)
{
   pthread_mutex_lock (&stage);
   act = to;
   pthread_cond_broadcast (&moved);
   pthread_mutex_unlock (&stage);
}

static void
await (int at)
{
   pthread_mutex_lock (&stage);
   while (act < at) {
      pthread_cond_wait (&moved, &stage);
   }
   pthread_mutex_unlock (&stage);
}

typedef struct appender {
   fg_audit_log *log;
   bool synced;
} appender;

/* Appends, lets another's sync fail and the file be rotated, and only then asks for its own sync. */
static void *
append_then_sync_late (void *arg)
{
   appender *a = arg;

   bool ok = append (a->log, 1, NULL);
   advance (1);
   await (2);
   a->synced = ok && fg_audit_log_sync (a->log, NULL);
   return NULL;
}

static void
fail_next_sync (fg_audit_log *log)
{
   calls = 0;
   fail_with = EIO;
   fail_at = 1;
   counting = true;
   CU_ASSERT_FALSE (fg_audit_log_sync (log, NULL));
   counting = false;
   fail_at = 0;
}

static void
loss_is_told_to_the_appender (void)
{
   fixture f;
   pthread_t thread;

   for (int more = 0; more < 2; more++) { /* without and with a record of the next file in between */
      fixture_begin (&f);
      appender a = {.log = open_log (&f, f.key, NULL), .synced = true};
      CU_ASSERT_FATAL (a.log != NULL);
      act = 0;
      CU_ASSERT_FATAL (pthread_create (&thread, NULL, append_then_sync_late, &a) == 0);
      await (1);
      fail_next_sync (a.log);
      CU_ASSERT (fg_audit_log_rotate (a.log, NULL));
      if (more) {
         CU_ASSERT (append (a.log, 2, NULL));
      }
      advance (2);
      pthread_join (thread, NULL);
      CU_ASSERT_FALSE (a.synced);
      CU_ASSERT (append (a.log, 3, NULL) && fg_audit_log_sync (a.log, NULL));
      CU_ASSERT (fg_audit_log_close (a.log, NULL));
      CU_ASSERT_EQUAL (verify_all (&f, f.key).finding, FG_AUDIT_OK);
      fixture_end (&f);
   }
}

/* The only appender has been told by the sync that failed: after the rotation it may go on. */
static void
loss_is_told_once (void)
{
   fixture f;

   fixture_begin (&f);
   fg_audit_log *log = open_log (&f, f.key, NULL);
   CU_ASSERT_FATAL (log != NULL);
   CU_ASSERT (append (log, 1, NULL));
   fail_next_sync (log);
   CU_ASSERT_FALSE (append (log, 2, NULL));
   CU_ASSERT_FALSE (fg_audit_log_sync (log, NULL));
   CU_ASSERT (fg_audit_log_rotate (log, NULL));
   CU_ASSERT (append (log, 3, NULL) && fg_audit_log_sync (log, NULL));
   CU_ASSERT (fg_audit_log_close (log, NULL));
   fixture_end (&f);
}

const char *const fg_suite_name = "audit_torture";
const fg_test fg_tests[] = {{"each_call_once", each_call_once},
                            {"each_call_once_disk_full", each_call_once_disk_full},
                            {"from_each_call_on", from_each_call_on},
                            {"from_each_call_on_disk_full", from_each_call_on_disk_full},
                            {"each_allocation_once", each_allocation_once},
                            {"loss_is_told_to_the_appender", loss_is_told_to_the_appender},
                            {"loss_is_told_once", loss_is_told_once},
                            {NULL, NULL}};
