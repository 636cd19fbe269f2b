/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/net/crc32c.h"
#include "hosts/fieldguardd/net/wire.h"
#include "hosts/fieldguardd/server.h"
#include "tests/unit/runner.h"

#include <stdlib.h>

const char *const fg_suite_name = "fieldguardd.wire";

/* --- building messages ------------------------------------------------------------------------------------------- */

static void
put_u32 (fg_buf *b, uint32_t v)
{
   uint8_t bytes[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
   fg_buf_append (b, bytes, 4);
}

static void
patch_u32 (fg_buf *b, size_t at, uint32_t v)
{
   for (size_t i = 0; i < 4; i++) {
      b->data[at + i] = (uint8_t)(v >> (8 * i));
   }
}

static void
begin (fg_buf *b, uint32_t opcode)
{
   memset (b, 0, sizeof *b);
   put_u32 (b, 0);
   put_u32 (b, 7);
   put_u32 (b, 0);
   put_u32 (b, opcode);
}

static void
end (fg_buf *b)
{
   patch_u32 (b, 0, (uint32_t)b->len);
}

static void
put_doc (fg_buf *b, const char *json)
{
   bson_error_t error;
   bson_t *doc = bson_new_from_json ((const uint8_t *)json, -1, &error);
   fg_buf_append (b, bson_get_data (doc), doc->len);
   bson_destroy (doc);
}

static void
put_body (fg_buf *b, const char *json)
{
   fg_buf_append (b, "\0", 1);
   put_doc (b, json);
}

static size_t
begin_sequence (fg_buf *b, const char *name)
{
   fg_buf_append (b, "\1", 1);
   size_t at = b->len;
   put_u32 (b, 0);
   fg_buf_append (b, name, strlen (name) + 1);
   return at;
}

static void
end_sequence (fg_buf *b, size_t at)
{
   patch_u32 (b, at, (uint32_t)(b->len - at));
}

/* From a copy of the exact size, so that a read past the end is seen. */
static fgd_wire_result
parse (const fg_buf *b, fgd_message *m, fg_error *err)
{
   static uint8_t *kept;

   free (kept);
   kept = malloc (b->len ? b->len : 1);
   memcpy (kept, b->data, b->len);
   fg_error_clear (err);
   return fgd_wire_parse (kept, b->len, m, err);
}

static void
expect (fg_buf *b, fgd_wire_result result, int32_t code)
{
   fgd_message m;
   fg_error err;

   CU_ASSERT_EQUAL (parse (b, &m, &err), result);
   if (result != FGD_WIRE_OK) {
      CU_ASSERT_EQUAL (err.domain, FG_ERROR_SERVER);
      CU_ASSERT_EQUAL (err.code, code);
   }
   fg_buf_free (b);
}

/* --- tests --------------------------------------------------------------------------------------------------------- */

static void
test_body (void)
{
   fg_buf b;
   fgd_message m;
   fg_error err;

   begin (&b, FGD_OP_MSG);
   put_u32 (&b, FGD_MSG_EXHAUST_ALLOWED);
   put_body (&b, "{\"ping\": 1, \"$db\": \"admin\"}");
   end (&b);
   CU_ASSERT_EQUAL (parse (&b, &m, &err), FGD_WIRE_OK);
   CU_ASSERT_EQUAL (m.header.request_id, 7);
   CU_ASSERT_EQUAL (m.flags, FGD_MSG_EXHAUST_ALLOWED);
   CU_ASSERT_FALSE (m.legacy);
   CU_ASSERT_EQUAL (m.n_sequences, 0);
   CU_ASSERT_EQUAL (m.body_len, b.len - 21);
   fg_buf_free (&b);
}

static void
test_sequences (void)
{
   fg_buf b;
   fgd_message m;
   fg_error err;

   begin (&b, FGD_OP_MSG);
   put_u32 (&b, 0);
   size_t at = begin_sequence (&b, "documents");
   put_doc (&b, "{\"a\": 1}");
   put_doc (&b, "{\"b\": {\"c\": [1, \"x\"]}}");
   end_sequence (&b, at);
   put_body (&b, "{\"insert\": \"c\", \"$db\": \"d\"}");
   at = begin_sequence (&b, "empty");
   end_sequence (&b, at);
   end (&b);
   CU_ASSERT_EQUAL (parse (&b, &m, &err), FGD_WIRE_OK);
   CU_ASSERT_EQUAL_FATAL (m.n_sequences, 2);
   CU_ASSERT_STRING_EQUAL (m.sequences[0].id, "documents");
   CU_ASSERT_EQUAL (m.sequences[0].n_docs, 2);
   CU_ASSERT_EQUAL (m.sequences[1].n_docs, 0);
   fg_buf_free (&b);
}

static void
test_big_batch (void)
{
   fg_buf b;
   fgd_message m;
   fg_error err;

   begin (&b, FGD_OP_MSG);
   put_u32 (&b, 0);
   put_body (&b, "{\"insert\": \"c\", \"$db\": \"d\"}");
   size_t at = begin_sequence (&b, "documents");
   for (int i = 0; i < 100000; i++) {
      static const uint8_t doc[] = {12, 0, 0, 0, 0x10, 'a', 0, 1, 0, 0, 0, 0};
      fg_buf_append (&b, doc, sizeof doc);
   }
   end_sequence (&b, at);
   end (&b);
   CU_ASSERT_EQUAL (parse (&b, &m, &err), FGD_WIRE_OK);
   CU_ASSERT_EQUAL (m.sequences[0].n_docs, 100000);
   fg_buf_free (&b);
}

/* Every prefix of a good message, with its header saying the prefix's length or the whole's, is refused. */
static void
test_every_truncation (void)
{
   fg_buf b;
   fgd_message m;
   fg_error err;
   size_t accepted = 0;

   begin (&b, FGD_OP_MSG);
   put_u32 (&b, 0);
   put_body (&b, "{\"insert\": \"c\", \"$db\": \"d\", \"x\": [1, {\"y\": \"z\"}, true, null]}");
   size_t at = begin_sequence (&b, "documents");
   put_doc (&b, "{\"a\": 1}");
   end_sequence (&b, at);
   end (&b);
   for (size_t len = 0; len < b.len; len++) {
      fg_buf cut = b;
      cut.len = len;
      CU_ASSERT_EQUAL (parse (&cut, &m, &err), FGD_WIRE_CLOSE);
      if (len >= 4) {
         patch_u32 (&b, 0, (uint32_t)len);
         accepted += parse (&cut, &m, &err) == FGD_WIRE_OK;
         patch_u32 (&b, 0, (uint32_t)b.len);
      }
   }
   CU_ASSERT_EQUAL (accepted, 1); /* cut exactly between the two sections */
   fg_buf_free (&b);
}

/* Every byte of a good message set to every of some hostile values: nothing is read out of bounds (the sanitizers judge). */
static void
test_every_byte_lies (void)
{
   static const uint8_t values[] = {0x00, 0x01, 0x04, 0x05, 0x7F, 0x80, 0xFF};
   fg_buf b;
   fgd_message m;
   fg_error err;

   begin (&b, FGD_OP_MSG);
   put_u32 (&b, 0);
   put_body (
      &b,
      "{\"insert\": \"c\", \"r\": {\"$regularExpression\": {\"pattern\": \"a\", \"options\": \"i\"}}, \"c\": "
      "{\"$code\": \"x\", "
      "\"$scope\": {\"y\": 1}}, \"b\": {\"$binary\": {\"base64\": \"AAAA\", \"subType\": \"06\"}}, \"$db\": \"d\"}");
   size_t at = begin_sequence (&b, "documents");
   put_doc (&b, "{\"a\": {\"$numberDecimal\": \"1\"}, \"t\": true}");
   end_sequence (&b, at);
   end (&b);
   CU_ASSERT_EQUAL (parse (&b, &m, &err), FGD_WIRE_OK);
   for (size_t i = 16; i < b.len; i++) {
      uint8_t was = b.data[i];
      for (size_t v = 0; v < sizeof values; v++) {
         b.data[i] = values[v];
         fgd_wire_result result = parse (&b, &m, &err);
         CU_ASSERT (result == FGD_WIRE_OK || err.domain == FG_ERROR_SERVER);
      }
      b.data[i] = was;
   }
   fg_buf_free (&b);
}

static void
test_header_limits (void)
{
   uint8_t data[16] = {0};
   fgd_header header;

   data[0] = 15;
   CU_ASSERT_FALSE (fgd_wire_read_header (data, FGD_MAX_MESSAGE_SIZE, &header));
   data[0] = 16;
   CU_ASSERT_TRUE (fgd_wire_read_header (data, FGD_MAX_MESSAGE_SIZE, &header));
   memset (data, 0xFF, 4); /* -1 */
   CU_ASSERT_FALSE (fgd_wire_read_header (data, FGD_MAX_MESSAGE_SIZE, &header));
   data[0] = 0x00, data[1] = 0x6C, data[2] = 0xDC, data[3] = 0x02; /* 48,000,000 */
   CU_ASSERT_TRUE (fgd_wire_read_header (data, FGD_MAX_MESSAGE_SIZE, &header));
   data[0] = 0x01;
   CU_ASSERT_FALSE (fgd_wire_read_header (data, FGD_MAX_MESSAGE_SIZE, &header));
}

static void
test_checksum (void)
{
   fg_buf b;

   CU_ASSERT_EQUAL (fgd_crc32c ((const uint8_t *)"123456789", 9), 0xE3069283u); /* the check value of CRC-32C */
   for (int wrong = 0; wrong < 2; wrong++) {
      begin (&b, FGD_OP_MSG);
      put_u32 (&b, FGD_MSG_CHECKSUM_PRESENT);
      put_body (&b, "{\"ping\": 1, \"$db\": \"admin\"}");
      patch_u32 (&b, 0, (uint32_t)b.len + 4);
      put_u32 (&b, fgd_crc32c (b.data, b.len) ^ (uint32_t)wrong);
      expect (&b, wrong ? FGD_WIRE_REPLY_ERROR : FGD_WIRE_OK, 51251);
   }
   begin (&b, FGD_OP_MSG);
   put_u32 (&b, FGD_MSG_CHECKSUM_PRESENT);
   end (&b);
   expect (&b, FGD_WIRE_REPLY_ERROR, 51252);
}

static void
test_bad_sections (void)
{
   fg_buf b;
   size_t at;

   begin (&b, FGD_OP_MSG);
   put_u32 (&b, 0x8);
   put_body (&b, "{}");
   end (&b);
   expect (&b, FGD_WIRE_CLOSE, 223);

   begin (&b, FGD_OP_MSG);
   put_u32 (&b, 0);
   put_body (&b, "{\"a\": 1}");
   put_body (&b, "{\"a\": 1}");
   end (&b);
   expect (&b, FGD_WIRE_REPLY_ERROR, 40430);

   begin (&b, FGD_OP_MSG);
   put_u32 (&b, 0);
   for (int i = 0; i < 2; i++) {
      at = begin_sequence (&b, "documents");
      end_sequence (&b, at);
   }
   end (&b);
   expect (&b, FGD_WIRE_REPLY_ERROR, 40431);

   begin (&b, FGD_OP_MSG);
   put_u32 (&b, 0);
   fg_buf_append (&b, "\2", 1);
   end (&b);
   expect (&b, FGD_WIRE_REPLY_ERROR, 40432);

   begin (&b, FGD_OP_MSG);
   put_u32 (&b, 0);
   put_body (&b, "{\"insert\": \"c\", \"documents\": []}");
   at = begin_sequence (&b, "documents");
   end_sequence (&b, at);
   end (&b);
   expect (&b, FGD_WIRE_REPLY_ERROR, 40433);

   begin (&b, FGD_OP_MSG);
   put_u32 (&b, 0);
   end (&b);
   expect (&b, FGD_WIRE_REPLY_ERROR, 40587);

   begin (&b, FGD_OP_MSG);
   put_u32 (&b, 0);
   for (char name[] = "a"; name[0] <= 'i'; name[0]++) {
      at = begin_sequence (&b, name);
      end_sequence (&b, at);
   }
   end (&b);
   expect (&b, FGD_WIRE_REPLY_ERROR, 2);
}

static void
test_legacy (void)
{
   static const struct {
      const char *ns, *json;
      fgd_wire_result result;
   } cases[] = {
      {"admin.$cmd", "{\"isMaster\": 1}", FGD_WIRE_OK},
      {"admin.$cmd", "{\"hello\": 1}", FGD_WIRE_OK},
      {"admin.$cmd", "{\"find\": \"c\"}", FGD_WIRE_REPLY_ERROR},
      {"test.$cmd", "{\"isMaster\": 1}", FGD_WIRE_REPLY_ERROR},
      {"test.c", "{}", FGD_WIRE_REPLY_ERROR},
   };
   fg_buf b;
   fgd_message m;
   fg_error err;
   uint8_t head[FGD_REPLY_HEAD_MAX];

   for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
      begin (&b, FGD_OP_QUERY);
      put_u32 (&b, 0);
      fg_buf_append (&b, cases[i].ns, strlen (cases[i].ns) + 1);
      put_u32 (&b, 0);
      put_u32 (&b, 1);
      put_doc (&b, cases[i].json);
      end (&b);
      CU_ASSERT_EQUAL (parse (&b, &m, &err), cases[i].result);
      CU_ASSERT_TRUE (m.legacy);
      CU_ASSERT (cases[i].result == FGD_WIRE_OK || err.code == 352);
      CU_ASSERT_EQUAL (fgd_wire_reply_head (head, &m, 99, 5), 36);
      CU_ASSERT_EQUAL (fg_read_u32le (head), 41);
      CU_ASSERT_EQUAL (fg_read_u32le (head + 8), 7);
      CU_ASSERT_EQUAL (fg_read_u32le (head + 32), 1);
      fg_buf_free (&b);
   }
   begin (&b, FGD_OP_QUERY);
   put_u32 (&b, 0);
   fg_buf_append (&b, "admin.$cmd", 10); /* no terminator */
   end (&b);
   expect (&b, FGD_WIRE_CLOSE, 22);
   begin (&b, FGD_OP_COMPRESSED);
   end (&b);
   expect (&b, FGD_WIRE_CLOSE, 2);
   begin (&b, 2002); /* legacy insert */
   end (&b);
   expect (&b, FGD_WIRE_CLOSE, 2);
}

const fg_test fg_tests[] = {
   {"body", test_body},
   {"sequences", test_sequences},
   {"batch_of_100000", test_big_batch},
   {"every_truncation", test_every_truncation},
   {"every_byte_lies", test_every_byte_lies},
   {"header_limits", test_header_limits},
   {"checksum", test_checksum},
   {"bad_sections", test_bad_sections},
   {"legacy_query", test_legacy},
   {NULL, NULL},
};
