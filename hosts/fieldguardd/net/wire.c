/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/net/wire.h"

#include "hosts/fieldguardd/net/bson_check.h"
#include "hosts/fieldguardd/net/crc32c.h"
#include "hosts/fieldguardd/server.h"

#include <inttypes.h>

#define KNOWN_REQUIRED_FLAGS (FGD_MSG_CHECKSUM_PRESENT | FGD_MSG_MORE_TO_COME)
#define REQUIRED_FLAGS_MASK                                                                                            \
   0xFFFFu /* an unknown bit among the lower 16 makes a message unreadable; the upper 16 may be ignored */

#define CODE_BAD_VALUE 2
#define CODE_INVALID_BSON 22
#define CODE_TOO_MANY_SEQUENCES 5
#define CODE_ILLEGAL_FLAG 223
#define CODE_UNSUPPORTED_QUERY 352
#define CODE_MULTIPLE_BODIES 40430
#define CODE_DUPLICATE_SEQUENCE 40431
#define CODE_UNKNOWN_SECTION 40432
#define CODE_DUPLICATE_FIELD 40433
#define CODE_NO_BODY 40587
#define CODE_CHECKSUM 51251
#define CODE_CHECKSUM_SIZE 51252

#define OP_REPLY_AWAIT_CAPABLE 8u

static fgd_wire_result
reply_error (fg_error *err, int32_t code, const char *text)
{
   fg_error_set (err, FG_ERROR_SERVER, code, NULL, "%s", text);
   return FGD_WIRE_REPLY_ERROR;
}

static fgd_wire_result
close_error (fg_error *err, int32_t code, const char *text)
{
   fg_error_set (err, FG_ERROR_SERVER, code, NULL, "%s", text);
   return FGD_WIRE_CLOSE;
}

bool
fgd_wire_read_header (const uint8_t *data, size_t max_len, fgd_header *header)
{
   header->length = fg_read_i32le (data);
   header->request_id = fg_read_i32le (data + 4);
   header->response_to = fg_read_i32le (data + 8);
   header->opcode = fg_read_i32le (data + 12);
   return header->length >= (int32_t)FGD_HEADER_LEN && (size_t)header->length <= max_len;
}

/* Kind 0: one document. */
static fgd_wire_result
read_body (fgd_message *m, const uint8_t *data, size_t avail, size_t *used, fg_error *err)
{
   if (m->body) {
      return reply_error (err, CODE_MULTIPLE_BODIES, "Multiple body sections in message");
   }
   if (!fgd_bson_check (data, avail, FGD_MAX_BSON_DEPTH, used, err)) {
      return FGD_WIRE_REPLY_ERROR;
   }
   if (*used > FGD_MAX_BSON_INTERNAL_SIZE) {
      return reply_error (err, CODE_INVALID_BSON, "the command document is larger than 16 MiB and 16 KiB");
   }
   m->body = data;
   m->body_len = *used;
   return FGD_WIRE_OK;
}

static fgd_wire_result
check_documents (fgd_sequence *sequence, fg_error *err)
{
   size_t pos = 0;

   while (pos < sequence->len) {
      size_t doc_len = 0;
      if (!fgd_bson_check (sequence->data + pos, sequence->len - pos, FGD_MAX_BSON_DEPTH, &doc_len, err)) {
         return FGD_WIRE_REPLY_ERROR;
      }
      if (doc_len > FGD_MAX_BSON_INTERNAL_SIZE) {
         return reply_error (err, CODE_INVALID_BSON, "a document of a sequence is larger than 16 MiB and 16 KiB");
      }
      pos += doc_len;
      sequence->n_docs++;
   }
   return FGD_WIRE_OK;
}

/* Kind 1: int32 size (of itself too), a name, documents to the end. */
static fgd_wire_result
read_sequence (fgd_message *m, const uint8_t *data, size_t avail, size_t *used, fg_error *err)
{
   fgd_sequence sequence = {0};

   if (avail < 5) {
      return reply_error (err, CODE_INVALID_BSON, "a document sequence is cut short");
   }
   uint32_t size = fg_read_u32le (data);
   if (size < 5 || size > avail) {
      return reply_error (err, CODE_INVALID_BSON, "a document sequence's length does not fit");
   }
   const uint8_t *nul = memchr (data + 4, 0, size - 4);
   if (!nul) {
      return reply_error (err, CODE_INVALID_BSON, "a document sequence's name has no terminator");
   }
   sequence.id = (const char *)(data + 4);
   sequence.data = nul + 1;
   sequence.len = size - (size_t)(sequence.data - data);
   for (size_t i = 0; i < m->n_sequences; i++) {
      if (strcmp (m->sequences[i].id, sequence.id) == 0) {
         return reply_error (err, CODE_DUPLICATE_SEQUENCE, "Duplicate document sequence");
      }
   }
   if (m->n_sequences == FGD_SEQUENCES_MAX) {
      return reply_error (err, CODE_BAD_VALUE, "too many document sequences in one message");
   }
   fgd_wire_result result = check_documents (&sequence, err);
   if (result == FGD_WIRE_OK) {
      m->sequences[m->n_sequences++] = sequence;
      *used = size;
   }
   return result;
}

/* A field may come in the body or as a sequence, not as both. */
static fgd_wire_result
check_no_overlap (const fgd_message *m, fg_error *err)
{
   bson_t body;
   bson_iter_t iter;

   if (!bson_init_static (&body, m->body, m->body_len)) {
      return reply_error (err, CODE_INVALID_BSON, "invalid BSON");
   }
   for (size_t i = 0; i < m->n_sequences; i++) {
      if (bson_iter_init_find (&iter, &body, m->sequences[i].id)) {
         return reply_error (err, CODE_DUPLICATE_FIELD, "Duplicate field between body and document sequence");
      }
   }
   return FGD_WIRE_OK;
}

/* Takes the checksum off the end. */
static fgd_wire_result
verify_checksum (const uint8_t *data, size_t *len, fg_error *err)
{
   if (*len < FGD_HEADER_LEN + 4 + 4) {
      return reply_error (err, CODE_CHECKSUM_SIZE, "Invalid message size for an OpMsg containing a checksum");
   }
   *len -= 4;
   if (fgd_crc32c (data, *len) != fg_read_u32le (data + *len)) {
      return reply_error (err, CODE_CHECKSUM, "OP_MSG checksum does not match contents");
   }
   return FGD_WIRE_OK;
}

static fgd_wire_result
parse_msg (const uint8_t *data, size_t len, fgd_message *m, fg_error *err)
{
   fgd_wire_result result = FGD_WIRE_OK;

   if (len < FGD_HEADER_LEN + 4) {
      return close_error (err, CODE_INVALID_BSON, "the message ends before its flags");
   }
   m->flags = fg_read_u32le (data + FGD_HEADER_LEN);
   if (m->flags & REQUIRED_FLAGS_MASK & ~KNOWN_REQUIRED_FLAGS) {
      return close_error (err, CODE_ILLEGAL_FLAG, "the message has unknown required flags");
   }
   if (m->flags & FGD_MSG_CHECKSUM_PRESENT) {
      result = verify_checksum (data, &len, err);
   }
   size_t pos = FGD_HEADER_LEN + 4;
   while (result == FGD_WIRE_OK && pos < len) {
      size_t used = 0;
      uint8_t kind = data[pos++];
      if (kind == 0) {
         result = read_body (m, data + pos, len - pos, &used, err);
      } else if (kind == 1) {
         result = read_sequence (m, data + pos, len - pos, &used, err);
      } else {
         result = reply_error (err, CODE_UNKNOWN_SECTION, "Unknown section kind");
      }
      pos += used;
   }
   if (result != FGD_WIRE_OK) {
      return result;
   }
   if (!m->body) {
      return reply_error (err, CODE_NO_BODY, "OP_MSG messages must have a body");
   }
   return check_no_overlap (m, err);
}

static bool
is_hello (const bson_t *body)
{
   bson_iter_t iter;

   if (!bson_iter_init (&iter, body) || !bson_iter_next (&iter)) {
      return false;
   }
   const char *name = bson_iter_key (&iter);
   return strcmp (name, "hello") == 0 || strcmp (name, "isMaster") == 0 || strcmp (name, "ismaster") == 0;
}

static fgd_wire_result
unsupported_query (const bson_t *body, fg_error *err)
{
   bson_iter_t iter;
   const char *name = body && bson_iter_init (&iter, body) && bson_iter_next (&iter) ? bson_iter_key (&iter) : "query";

   fg_error_set (err, FG_ERROR_SERVER, CODE_UNSUPPORTED_QUERY, NULL,
                 "Unsupported OP_QUERY command: %.64s. The client driver may require an upgrade. For more details see "
                 "https://dochub.mongodb.org/core/legacy-opcode-removal",
                 name);
   return FGD_WIRE_REPLY_ERROR;
}

/* int32 flags, cstring namespace, int32 skip, int32 limit, document, optional document. */
static fgd_wire_result
parse_query (const uint8_t *data, size_t len, fgd_message *m, fg_error *err)
{
   bson_t body;
   size_t pos = FGD_HEADER_LEN + 4;

   m->legacy = true;
   if (len <= pos) {
      return close_error (err, CODE_INVALID_BSON, "the query is cut short");
   }
   const char *ns = (const char *)(data + pos);
   const uint8_t *nul = memchr (data + pos, 0, len - pos);
   if (!nul || len - (size_t)(nul + 1 - data) < 8) {
      return close_error (err, CODE_INVALID_BSON, "the query is cut short");
   }
   pos = (size_t)(nul + 1 - data) + 8;
   if (!fgd_bson_check (data + pos, len - pos, FGD_MAX_BSON_DEPTH, &m->body_len, err)) {
      return FGD_WIRE_REPLY_ERROR;
   }
   m->body = data + pos;
   if (m->body_len > FGD_MAX_BSON_INTERNAL_SIZE || !bson_init_static (&body, m->body, m->body_len)) {
      return reply_error (err, CODE_INVALID_BSON, "the query document is too large");
   }
   if (strcmp (ns, "admin.$cmd") != 0 || !is_hello (&body)) {
      return unsupported_query (&body, err);
   }
   memcpy (m->db, "admin", sizeof "admin");
   return FGD_WIRE_OK;
}

fgd_wire_result
fgd_wire_parse (const uint8_t *data, size_t len, fgd_message *message, fg_error *err)
{
   memset (message, 0, sizeof *message);
   if (len < FGD_HEADER_LEN || !fgd_wire_read_header (data, FGD_MAX_MESSAGE_SIZE, &message->header) ||
       (size_t)message->header.length != len) {
      return close_error (err, CODE_INVALID_BSON, "the message's length is out of range");
   }
   switch (message->header.opcode) {
   case FGD_OP_MSG:
      return parse_msg (data, len, message, err);
   case FGD_OP_QUERY:
      return parse_query (data, len, message, err);
   case FGD_OP_COMPRESSED:
      return close_error (err, CODE_BAD_VALUE, "compression was not negotiated");
   default:
      return close_error (err, CODE_BAD_VALUE, "the operation code is not supported");
   }
}

static void
put_u32 (uint8_t *p, uint32_t value)
{
   p[0] = (uint8_t)value;
   p[1] = (uint8_t)(value >> 8);
   p[2] = (uint8_t)(value >> 16);
   p[3] = (uint8_t)(value >> 24);
}

size_t
fgd_wire_reply_head (uint8_t head[FGD_REPLY_HEAD_MAX], const fgd_message *request, int32_t request_id,
                     uint32_t body_len)
{
   uint32_t len = FGD_HEADER_LEN + (request->legacy ? 20u : 5u);

   memset (head, 0, FGD_REPLY_HEAD_MAX);
   put_u32 (head, len + body_len);
   put_u32 (head + 4, (uint32_t)request_id);
   put_u32 (head + 8, (uint32_t)request->header.request_id);
   put_u32 (head + 12, request->legacy ? FGD_OP_REPLY : FGD_OP_MSG);
   if (request->legacy) { /* response flags, cursor id 0, starting from 0, one document */
      put_u32 (head + 16, OP_REPLY_AWAIT_CAPABLE);
      put_u32 (head + 32, 1);
   }
   return len;
}
