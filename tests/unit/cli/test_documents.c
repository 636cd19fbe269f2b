/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/runner.h"

#include "cli/documents.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *const fg_suite_name = "cli.documents";

/* An input that comes in pieces, and may break off with an error. */
typedef struct input {
   const uint8_t *bytes;
   size_t len, at, piece;
   int interrupts; /* so many EINTR before each piece */
   int left;
   int fails; /* errno at the end instead of 0 bytes */
} input;

static ssize_t
read_input (void *ctx, void *buf, size_t len)
{
   input *in = ctx;
   size_t n = in->len - in->at;

   if (in->left-- > 0) {
      errno = EINTR;
      return -1;
   }
   in->left = in->interrupts;
   if (n == 0 && in->fails) {
      errno = in->fails;
      return -1;
   }
   n = n < in->piece ? n : in->piece;
   n = n < len ? n : len;
   memcpy (buf, in->bytes + in->at, n);
   in->at += n;
   return (ssize_t)n;
}

/* "offset:line:length" of each document, then "end" or the error's message. */
static const char *
read_all (input *in, fg_documents_format format)
{
   static char said[4096];
   fg_error err = {0};
   fg_document document;
   fg_documents_result result = FG_DOCUMENTS_ERROR;

   said[0] = '\0';
   fg_documents *documents = fg_documents_new (read_input, in, "input", format, &err);
   CU_ASSERT_PTR_NOT_NULL_FATAL (documents);
   while ((result = fg_documents_next (documents, &document, &err)) == FG_DOCUMENTS_ONE) {
      CU_ASSERT_EQUAL (fg_read_u32le (document.data), document.len);
      snprintf (said + strlen (said), sizeof said - strlen (said), "%u:%u:%zu ", (unsigned)document.offset,
                (unsigned)document.line, document.len);
   }
   snprintf (said + strlen (said), sizeof said - strlen (said), "%s", result == FG_DOCUMENTS_END ? "end" : err.message);
   if (result == FG_DOCUMENTS_END) {
      CU_ASSERT_EQUAL (fg_documents_position (documents), in->len);
   }
   fg_documents_free (documents);
   return said;
}

/* The same whatever the pieces are in which it comes. */
static void
expect_bytes (const void *bytes, size_t len, fg_documents_format format, const char *wanted)
{
   static const size_t pieces[] = {1, 2, 3, 5, 7, 4096};

   for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
      input in = {.bytes = bytes, .len = len, .piece = pieces[i], .interrupts = (int)i % 3};
      const char *said = read_all (&in, format);
      if (strcmp (said, wanted) != 0) {
         printf ("# in pieces of %zu: %s\n# instead of %s\n", pieces[i], said, wanted);
      }
      CU_ASSERT_STRING_EQUAL (said, wanted);
   }
}

#define EXPECT(text, format, wanted) expect_bytes (text, sizeof (text) - 1, format, wanted)
#define EMPTY "\x05\0\0\0\0"
#define ONE                                                                                                            \
   "\x0c\0\0\0\x10"                                                                                                    \
   "a\0\x01\0\0\0\0"

static void
json_lines (void)
{
   EXPECT ("{}\n{\"a\": 1}\n", FG_DOCUMENTS_DETECT, "0:1:5 3:2:12 end");
   EXPECT ("{}\n{\"a\": 1}", FG_DOCUMENTS_DETECT, "0:1:5 3:2:12 end"); /* the last line needs no newline */
   EXPECT ("\n \r\n{}\r\n\t\n  {\"a\": 1} \r\n\n", FG_DOCUMENTS_DETECT, "4:3:5 10:5:12 end");
   EXPECT ("\xEF\xBB\xBF{}\n", FG_DOCUMENTS_DETECT, "3:1:5 end");
   EXPECT ("", FG_DOCUMENTS_DETECT, "end");
   EXPECT ("\n\n  \n", FG_DOCUMENTS_DETECT, "end");
}

static void
bson_end_to_end (void)
{
   EXPECT (EMPTY ONE EMPTY, FG_DOCUMENTS_DETECT, "0:0:5 5:0:12 17:0:5 end");
   EXPECT (EMPTY, FG_DOCUMENTS_BSON, "0:0:5 end");
   EXPECT ("", FG_DOCUMENTS_BSON, "end");
}

/* What cannot be read is an error with its place, after the documents before it. */
static void
errors_say_where (void)
{
   EXPECT ("{}\n{\"secret\": }\n{}\n", FG_DOCUMENTS_DETECT,
           "0:1:5 input: line 2, offset 14: not Extended JSON: not a JSON value");
   EXPECT ("{}\n{} {}\n", FG_DOCUMENTS_DETECT,
           "0:1:5 input: line 2, offset 6: not Extended JSON: something follows the object");
   EXPECT ("{}\n{\"a\":\n1}\n", FG_DOCUMENTS_DETECT,
           "0:1:5 input: line 2, offset 8: not Extended JSON: not a JSON value"); /* one document, one line */
   EXPECT (EMPTY "\x0c\0\0", FG_DOCUMENTS_DETECT,
           "0:0:5 input: offset 5: the input ends inside a BSON document's length");
   EXPECT (ONE "\x0c\0\0\0\x10"
               "a",
           FG_DOCUMENTS_DETECT, "0:0:12 input: offset 12: the input ends inside this BSON document");
   EXPECT (EMPTY "\x04\0\0\0\0", FG_DOCUMENTS_DETECT,
           "0:0:5 input: offset 5: no BSON document can have the length that stands here");
   EXPECT ("\x05\0\0\0\x01", FG_DOCUMENTS_BSON, "input: offset 0: this BSON document has no terminator");
   /* A length that would take memory is refused before any is taken. */
   EXPECT ("\x01\0\0\x04\0", FG_DOCUMENTS_BSON,
           "input: offset 0: no BSON document can have the length that stands here");
   EXPECT ("\xff\xff\xff\xff\0", FG_DOCUMENTS_BSON,
           "input: offset 0: no BSON document can have the length that stands here");
}

static void
detection (void)
{
   EXPECT ("[1]\n", FG_DOCUMENTS_DETECT,
           "input: offset 0: neither Extended JSON, one document a line, nor BSON (--format says which is meant)");
   EXPECT ("\x7f"
           "ELF\x02\x01",
           FG_DOCUMENTS_DETECT,
           "input: offset 0: neither Extended JSON, one document a line, nor BSON (--format says which is meant)");
   EXPECT ("[1]\n", FG_DOCUMENTS_JSON, "input: line 1, offset 0: not Extended JSON: '{' is expected");
   EXPECT ("{}\n", FG_DOCUMENTS_BSON, "input: offset 0: the input ends inside a BSON document's length");
   EXPECT ("{}\n{}\n", FG_DOCUMENTS_BSON, "input: offset 0: no BSON document can have the length that stands here");
   EXPECT (EMPTY, FG_DOCUMENTS_JSON, "input: line 1, offset 0: not Extended JSON: '{' is expected");
}

static void
read_errors (void)
{
   input in = {.bytes = (const uint8_t *)"{}\n{", .len = 4, .piece = 3, .fails = EIO};

   CU_ASSERT_STRING_EQUAL (read_all (&in, FG_DOCUMENTS_DETECT),
                           "0:1:5 input: cannot read at offset 4: Input/output error");
   in = (input){.bytes = (const uint8_t *)"", .fails = EIO, .piece = 1};
   CU_ASSERT_STRING_EQUAL (read_all (&in, FG_DOCUMENTS_DETECT), "input: cannot read at offset 0: Input/output error");
}

/* Larger than the read-ahead block, in both forms. */
static void
documents_larger_than_a_block (void)
{
   const size_t len = 3u << 20;
   uint8_t *bytes = malloc (2 * len + 64);
   char wanted[128];

   CU_ASSERT_PTR_NOT_NULL_FATAL (bytes);
   size_t n = (size_t)snprintf ((char *)bytes, 16, "{\"a\": \"");
   memset (bytes + n, 'x', len);
   n += len;
   n += (size_t)snprintf ((char *)bytes + n, 16, "\"}\n{}\n");
   snprintf (wanted, sizeof wanted, "0:1:%zu %zu:2:5 end", len + 13, len + 10);
   input in = {.bytes = bytes, .len = n, .piece = 100000};
   CU_ASSERT_STRING_EQUAL (read_all (&in, FG_DOCUMENTS_DETECT), wanted);

   const uint32_t whole = (uint32_t)len + 13, text = (uint32_t)len + 1;
   const uint8_t head[11] = {(uint8_t)whole, (uint8_t)(whole >> 8), (uint8_t)(whole >> 16), 0, 2, 'a', 0,
                             (uint8_t)text,  (uint8_t)(text >> 8),  (uint8_t)(text >> 16),  0};
   memcpy (bytes, head, sizeof head);
   memset (bytes + sizeof head, 'x', len);
   memset (bytes + sizeof head + len, 0, 2);
   memcpy (bytes + whole, EMPTY, 5);
   in = (input){.bytes = bytes, .len = whole + 5, .piece = 100000};
   snprintf (wanted, sizeof wanted, "0:0:%u %u:0:5 end", whole, whole);
   CU_ASSERT_STRING_EQUAL (read_all (&in, FG_DOCUMENTS_DETECT), wanted);
   free (bytes);
}

/* A pipe has no size and cannot be mapped. */
static void
pipes (void)
{
   int ends[2];
   fg_error err = {0};
   fg_document document;

   CU_ASSERT_EQUAL_FATAL (pipe (ends), 0);
   CU_ASSERT_EQUAL (write (ends[1], "{}\n{}\n", 6), 6);
   close (ends[1]);
   fg_documents *documents = fg_documents_new_file (ends[0], "pipe", FG_DOCUMENTS_DETECT, &err);
   CU_ASSERT_PTR_NOT_NULL_FATAL (documents);
   CU_ASSERT_EQUAL (fg_documents_next (documents, &document, &err), FG_DOCUMENTS_ONE);
   CU_ASSERT_EQUAL (fg_documents_next (documents, &document, &err), FG_DOCUMENTS_ONE);
   CU_ASSERT_EQUAL (fg_documents_next (documents, &document, &err), FG_DOCUMENTS_END);
   fg_documents_free (documents);
   close (ends[0]);
   fg_documents_free (NULL);
}

const fg_test fg_tests[] = {{"json_lines", json_lines},
                            {"bson_end_to_end", bson_end_to_end},
                            {"errors_say_where", errors_say_where},
                            {"detection", detection},
                            {"read_errors", read_errors},
                            {"documents_larger_than_a_block", documents_larger_than_a_block},
                            {"pipes", pipes},
                            {NULL, NULL}};
