/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_BENCH_PEER_HOOKS_H
#define FG_BENCH_PEER_HOOKS_H

#include "bench/client/peer_mongocrypt.h"

/* OpenSSL's cryptography for a libmongocrypt that was built without any (pymongocrypt's wheel), through its crypto hooks, with algorithms that are fetched once. */
void peer_use_openssl (const peer_api *api, mongocrypt_t *crypt);

#endif /* FG_BENCH_PEER_HOOKS_H */
