/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_CLIENT_KMIP_H
#define FG_CLIENT_KMIP_H

/* The KMIP operations that key wrapping and the end of a master key need: building requests, reading replies. No network here. */

#include "client/kms/kms.h"
#include "client/kms/ttlv.h"

#define FG_KMIP_ID_MAX 256u

typedef enum fg_kmip_operation {
   FG_KMIP_CREATE = 0x01,
   FG_KMIP_REGISTER = 0x03,
   FG_KMIP_GET = 0x0A,
   FG_KMIP_GET_ATTRIBUTES = 0x0B, /* of the attribute State */
   FG_KMIP_ACTIVATE = 0x12,
   FG_KMIP_REVOKE = 0x13, /* because its operation has ceased */
   FG_KMIP_DESTROY = 0x14,
   FG_KMIP_ENCRYPT = 0x1F,
   FG_KMIP_DECRYPT = 0x20
} fg_kmip_operation;

typedef struct fg_kmip_request {
   fg_kmip_operation operation;
   const char *id; /* of what is there already */
   const uint8_t *data; /* REGISTER: the key; ENCRYPT, DECRYPT: the input */
   size_t len;
   const uint8_t *iv; /* DECRYPT: 16 bytes */
} fg_kmip_request;

bool fg_kmip_build (const fg_kmip_request *request, fg_ttlv_writer *w, fg_error *err) FG_WARN_UNUSED;

/* A whole reply to the operation: *payload is its ResponsePayload, a view. A failure carries the server's reason and words. */
bool fg_kmip_read (const fg_kms_provider *provider, fg_kmip_operation operation, const uint8_t *reply, size_t len,
                   fg_ttlv *payload, fg_error *err) FG_WARN_UNUSED;
bool fg_kmip_read_id (const fg_kms_provider *provider, const fg_ttlv *payload, char id[FG_KMIP_ID_MAX],
                      fg_error *err) FG_WARN_UNUSED;
/* GET_ATTRIBUTES: KMIP's own number of the state. */
bool fg_kmip_read_state (const fg_kms_provider *provider, const fg_ttlv *payload, uint32_t *state,
                         fg_error *err) FG_WARN_UNUSED;
/* GET: the 96 bytes of a secret. */
bool fg_kmip_read_secret (const fg_kms_provider *provider, const fg_ttlv *payload, const uint8_t **data,
                          fg_error *err) FG_WARN_UNUSED;
/* ENCRYPT: iv is 16 bytes; DECRYPT: iv NULL. */
bool fg_kmip_read_data (const fg_kms_provider *provider, const fg_ttlv *payload, const uint8_t **data, size_t *len,
                        const uint8_t **iv, fg_error *err) FG_WARN_UNUSED;

#endif /* FG_CLIENT_KMIP_H */
