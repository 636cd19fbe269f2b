/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_WIRE_H
#define FGD_WIRE_H

/*
 * The wire protocol, without sockets: bytes of one whole message in, its parts out; a reply document in, bytes out.
 *
 * A message is a header (length, request id, response to, opcode; 16 bytes, little-endian) and a body. OP_MSG carries commands: flag bits,
 * then sections (kind 0: the command document, exactly one; kind 1: a named sequence of documents), then a CRC-32C when the flags say so. OP_QUERY is read
 * for the hello that a driver may open with, and for nothing else.
 *
 * Every length is checked before it is followed and every document's structure is checked (bson_check.h) before anybody else sees it.
 * Views point into the message. Errors are FG_ERROR_SERVER with mongod's codes.
 */

#include "base/base.h"
#include "hosts/fieldguardd/command.h"

#define FGD_HEADER_LEN 16u
#define FGD_REPLY_HEAD_MAX 36u
#define FGD_OP_REPLY 1
#define FGD_OP_QUERY 2004
#define FGD_OP_COMPRESSED 2012
#define FGD_OP_MSG 2013

#define FGD_MSG_CHECKSUM_PRESENT 0x1u
#define FGD_MSG_MORE_TO_COME 0x2u
#define FGD_MSG_EXHAUST_ALLOWED 0x10000u

typedef struct fgd_header {
   int32_t length;
   int32_t request_id;
   int32_t response_to;
   int32_t opcode;
} fgd_header;

/* What became of a message. */
typedef enum fgd_wire_result {
   FGD_WIRE_OK = 0,
   FGD_WIRE_REPLY_ERROR, /* err goes back as the command's reply */
   FGD_WIRE_CLOSE /* the peer does not speak our protocol: close the connection */
} fgd_wire_result;

typedef struct fgd_message {
   fgd_header header;
   uint32_t flags; /* OP_MSG's */
   bool legacy; /* OP_QUERY: answered by OP_REPLY */
   const uint8_t *body; /* the command document */
   size_t body_len;
   char db[64]; /* OP_QUERY: from the namespace; OP_MSG: "" (it is in the body) */
   fgd_sequence sequences[FGD_SEQUENCES_MAX];
   size_t n_sequences;
} fgd_message;

/* data: at least FGD_HEADER_LEN bytes. False when the length is below 16 or above max_len. */
bool fgd_wire_read_header (const uint8_t *data, size_t max_len, fgd_header *header) FG_WARN_UNUSED;

/* data, len: one whole message, len as its header says. With FGD_WIRE_REPLY_ERROR header, flags and legacy are valid. */
fgd_wire_result fgd_wire_parse (const uint8_t *data, size_t len, fgd_message *message, fg_error *err) FG_WARN_UNUSED;

/* Writes what goes before a reply's body of body_len bytes: OP_MSG's header, or OP_REPLY's for a legacy request. Returns how many bytes. */
size_t fgd_wire_reply_head (uint8_t head[FGD_REPLY_HEAD_MAX], const fgd_message *request, int32_t request_id,
                            uint32_t body_len);

#endif /* FGD_WIRE_H */
