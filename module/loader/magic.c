/* SPDX-License-Identifier: Apache-2.0 */
#include "module/loader/loader.h"

#define NAME_MAX_LEN 32u

static bool
mismatch (fg_error *err, const char *path, const char *field, unsigned has, const char *need, unsigned wanted)
{
   return fg_error_set (err, FG_ERROR_MODULE, FG_E_MISMATCH, path,
                        "module %s: magic block's %s is %u, this host needs %s%u", path, field, has, need, wanted);
}

static bool
is_lower (char c)
{
   return c >= 'a' && c <= 'z';
}

static bool
is_name_char (char c)
{
   return is_lower (c) || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool
name_is_legal (const char *name)
{
   size_t n = 0;

   if (!name || !is_lower (name[0])) {
      return false;
   }
   while (n <= NAME_MAX_LEN && is_name_char (name[n])) {
      n++;
   }
   return n <= NAME_MAX_LEN && name[n] == '\0';
}

bool
fg_magic_check (const fg_module_magic *magic, const char *path, fg_error *err)
{
   if (!magic) {
      return fg_error_set (err, FG_ERROR_MODULE, FG_E_MISMATCH, path,
                           "module %s: fieldguard_module_magic returned NULL", path);
   }
   if (magic->size != sizeof *magic) {
      return mismatch (err, path, "size", magic->size, "", (unsigned)sizeof *magic);
   }
   if (magic->abi_major != FG_ABI_MAJOR) {
      return mismatch (err, path, "abi_major", magic->abi_major, "", FG_ABI_MAJOR);
   }
   if (magic->abi_minor > FG_ABI_MINOR) {
      return mismatch (err, path, "abi_minor", magic->abi_minor, "at most ", FG_ABI_MINOR);
   }
   if (magic->flags != 0) {
      return mismatch (err, path, "flags", magic->flags, "", 0);
   }
   if (!name_is_legal (magic->name)) {
      return fg_error_set (err, FG_ERROR_MODULE, FG_E_MISMATCH, path,
                           "module %s: magic block's name is \"%.40s\", this host needs [a-z][a-zA-Z0-9_]{0,31}", path,
                           magic->name ? magic->name : "");
   }
   if (!magic->version) {
      return fg_error_set (err, FG_ERROR_MODULE, FG_E_MISMATCH, path,
                           "module %s: magic block's version is NULL, this host needs a string", path);
   }
   return true;
}
