/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FG_TEST_BAD_MODULE_H
#define FG_TEST_BAD_MODULE_H

/* A module whose magic block has one wrong field, and whose init must therefore never run. */
#include <fieldguard/module.h>

#include <stdlib.h>

#define BAD_MODULE(size_, major_, minor_, flags_, name_, version_)                                                     \
   FG_EXPORT const fg_module_magic *fieldguard_module_magic (void);                                                    \
   FG_EXPORT bool fieldguard_module_init (const fg_host *host, fg_error *err);                                         \
   const fg_module_magic *fieldguard_module_magic (void)                                                               \
   {                                                                                                                   \
      static const fg_module_magic magic = {size_, major_, minor_, flags_, name_, version_};                           \
      return &magic;                                                                                                   \
   }                                                                                                                   \
   bool fieldguard_module_init (const fg_host *host, fg_error *err)                                                    \
   {                                                                                                                   \
      (void)host;                                                                                                      \
      (void)err;                                                                                                       \
      abort ();                                                                                                        \
   }                                                                                                                   \
   extern int fieldguard_module_magic_wants_a_semicolon

#endif /* FG_TEST_BAD_MODULE_H */
