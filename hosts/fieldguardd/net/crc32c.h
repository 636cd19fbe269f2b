/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_CRC32C_H
#define FGD_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), as OP_MSG's checksum. */
uint32_t fgd_crc32c (const uint8_t *data, size_t len);

#endif /* FGD_CRC32C_H */
