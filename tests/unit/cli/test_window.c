/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/runner.h"

#include "cli/documents.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const fg_suite_name = "cli.window";

/* Files of documents through the window, beside what is known to stand in them. */

/* A document of len bytes: one binary value whose first four bytes are the document's number. */
static void
put_document (FILE *file, uint32_t number, uint32_t len)
{
   const uint32_t blob = len - 13;
   uint8_t head[12] = {(uint8_t)len,  (uint8_t)(len >> 8),  (uint8_t)(len >> 16),  0, 5, 'b', 0,
                       (uint8_t)blob, (uint8_t)(blob >> 8), (uint8_t)(blob >> 16), 0, 0};

   CU_ASSERT_EQUAL (fwrite (head, 1, sizeof head, file), sizeof head);
   CU_ASSERT_EQUAL (fwrite (&number, 1, sizeof number, file), sizeof number);
   for (uint32_t i = sizeof number; i < blob + 1; i++) {
      fputc (0, file);
   }
}

/* Sizes that put documents across every kind of boundary, one of them larger than a window. */
static uint32_t
size_of (uint32_t number)
{
   return number == 100 ? 11000001 : number % 7 == 0 ? 300007 : 17 + number * 37 % 5000;
}

#define DOCUMENTS 200u

static int
make_file (uint32_t n, uint32_t (*size) (uint32_t))
{
   FILE *file = tmpfile ();

   CU_ASSERT_PTR_NOT_NULL_FATAL (file);
   for (uint32_t i = 0; i < n; i++) {
      put_document (file, i, size (i));
   }
   CU_ASSERT_EQUAL (fflush (file), 0);
   int fd = dup (fileno (file));
   fclose (file);
   CU_ASSERT_EQUAL (lseek (fd, 0, SEEK_SET), 0);
   return fd;
}

static uint32_t
read_all (int fd, fg_documents_format format, fg_error *err)
{
   fg_documents *documents = fg_documents_new_file (fd, "a file", format, err);
   fg_document document;
   fg_documents_result result;
   uint32_t n = 0;
   uint64_t offset = 0;

   CU_ASSERT_PTR_NOT_NULL_FATAL (documents);
   while ((result = fg_documents_next (documents, &document, err)) == FG_DOCUMENTS_ONE) {
      CU_ASSERT_EQUAL (document.len, size_of (n));
      CU_ASSERT_EQUAL (document.offset, offset);
      CU_ASSERT_EQUAL (memcmp (document.data + 12, &n, sizeof n), 0);
      offset += document.len;
      n++;
   }
   CU_ASSERT_EQUAL (fg_documents_position (documents), offset);
   fg_documents_free (documents);
   CU_ASSERT_EQUAL (lseek (fd, 0, SEEK_CUR), (off_t)offset);
   return result == FG_DOCUMENTS_END ? n : UINT32_MAX;
}

static void
whole_file (void)
{
   fg_error err = {0};
   int fd = make_file (DOCUMENTS, size_of);

   CU_ASSERT_EQUAL (read_all (fd, FG_DOCUMENTS_DETECT, &err), DOCUMENTS);
   CU_ASSERT_EQUAL (lseek (fd, 0, SEEK_SET), 0);
   CU_ASSERT_EQUAL (read_all (fd, FG_DOCUMENTS_BSON, &err), DOCUMENTS);
   close (fd);
}

static void
file_cut_short (void)
{
   int fd = make_file (DOCUMENTS, size_of);
   off_t size = lseek (fd, 0, SEEK_END);

   for (off_t cut = 1; cut < 17; cut += 5) {
      fg_error err = {0};
      CU_ASSERT_EQUAL (ftruncate (fd, size - cut), 0);
      CU_ASSERT_EQUAL (lseek (fd, 0, SEEK_SET), 0);
      CU_ASSERT_EQUAL (read_all (fd, FG_DOCUMENTS_BSON, &err), UINT32_MAX);
      CU_ASSERT_EQUAL (err.code, FG_E_TRUNCATED);
   }
   close (fd);
}

static void
empty_file (void)
{
   fg_error err = {0};
   int fd = make_file (0, size_of);

   CU_ASSERT_EQUAL (read_all (fd, FG_DOCUMENTS_DETECT, &err), 0);
   close (fd);
}

/* Text goes through the window, too. A line that is longer than the window makes it larger. */
static void
lines_of_json (void)
{
   fg_error err = {0};
   FILE *file = tmpfile ();
   fg_document document;
   uint64_t n = 0;

   CU_ASSERT_PTR_NOT_NULL_FATAL (file);
   fputs ("{\"a\": \"", file);
   for (int i = 0; i < 9000000; i++) {
      fputc ('x', file);
   }
   fputs ("\"}\n{\"a\": 2}\n\n{\"a\": 3}", file);
   fflush (file);
   rewind (file);
   fg_documents *documents = fg_documents_new_file (fileno (file), "lines", FG_DOCUMENTS_DETECT, &err);
   CU_ASSERT_PTR_NOT_NULL_FATAL (documents);
   while (fg_documents_next (documents, &document, &err) == FG_DOCUMENTS_ONE) {
      CU_ASSERT_EQUAL (document.len, n == 0 ? 9000013u : 12u);
      n++;
   }
   CU_ASSERT_EQUAL (n, 3);
   fg_documents_free (documents);
   fclose (file);
}

/* Not from its start: read, not mapped. */
static void
file_in_use (void)
{
   fg_error err = {0};
   int fd = make_file (2, size_of);
   fg_document document;

   CU_ASSERT_EQUAL (lseek (fd, size_of (0), SEEK_SET), size_of (0));
   fg_documents *documents = fg_documents_new_file (fd, "a file", FG_DOCUMENTS_BSON, &err);
   CU_ASSERT_PTR_NOT_NULL_FATAL (documents);
   CU_ASSERT_EQUAL (fg_documents_next (documents, &document, &err), FG_DOCUMENTS_ONE);
   CU_ASSERT_EQUAL (document.len, size_of (1));
   CU_ASSERT_EQUAL (fg_documents_next (documents, &document, &err), FG_DOCUMENTS_END);
   fg_documents_free (documents);
   close (fd);
}

static void
lose_pages (void)
{
   fg_error err = {0};
   fg_document document;
   int fd = make_file (50, size_of);
   fg_documents *documents = fg_documents_new_file (fd, "a file", FG_DOCUMENTS_BSON, &err);

   if (fg_documents_next (documents, &document, &err) != FG_DOCUMENTS_ONE || ftruncate (fd, 0) != 0) {
      _exit (1);
   }
   while (fg_documents_next (documents, &document, &err) == FG_DOCUMENTS_ONE) {
   }
   _exit (3);
}

static void
file_cut_short_meanwhile (void)
{
   int said[2], status = 0;
   char message[200] = "";

   CU_ASSERT_EQUAL (pipe (said), 0);
   fflush (stdout);
   pid_t child = fork ();
   if (child == 0) {
      dup2 (said[1], STDERR_FILENO);
      lose_pages ();
   }
   close (said[1]);
   CU_ASSERT_EQUAL (waitpid (child, &status, 0), child);
   CU_ASSERT_TRUE (read (said[0], message, sizeof message - 1) > 0);
   close (said[0]);
   CU_ASSERT_TRUE (WIFEXITED (status));
   CU_ASSERT_EQUAL (WEXITSTATUS (status), 2);
   CU_ASSERT_STRING_EQUAL (message, "fieldguard: a file: cut short, or unreadable, while it was being read\n");
}

const fg_test fg_tests[] = {{"whole_file", whole_file},
                            {"file_cut_short", file_cut_short},
                            {"empty_file", empty_file},
                            {"lines_of_json", lines_of_json},
                            {"file_in_use", file_in_use},
                            {"file_cut_short_meanwhile", file_cut_short_meanwhile},
                            {NULL, NULL}};
