/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/kms.h"

#include <ctype.h>

/* The part of text that is host[:port]. False when it is empty or has characters that no host has. */
static bool
locate (const char *text, const char **start, size_t *len)
{
   const char *scheme = strstr (text, "://");

   *start = scheme ? scheme + 3 : text;
   *len = strcspn (*start, "/?");
   if (*len == 0 || *len > 255) {
      return false;
   }
   for (size_t i = 0; i < *len; i++) {
      unsigned char c = (unsigned char)(*start)[i];
      if (!isalnum (c) && c != '.' && c != '-' && c != '_' && c != ':') {
         return false;
      }
   }
   return true;
}

static bool
port_is_good (const char *port, size_t len)
{
   unsigned long value = 0;

   for (size_t i = 0; i < len; i++) {
      if (port[i] < '0' || port[i] > '9') {
         return false;
      }
      value = value * 10 + (unsigned long)(port[i] - '0');
   }
   return len > 0 && len <= 5 && value > 0 && value <= 65535;
}

bool
fg_endpoint_check (const char *text, bool any_host)
{
   const char *start;
   size_t len;

   if (!locate (text, &start, &len)) {
      return false;
   }
   const char *colon = memchr (start, ':', len);
   size_t host_len = colon ? (size_t)(colon - start) : len;
   if (host_len == 0 || (colon && !port_is_good (colon + 1, len - host_len - 1))) {
      return false;
   }
   return any_host || memchr (start, '.', host_len) != NULL;
}

bool
fg_endpoint_copy (const char *text, char *out, size_t size)
{
   const char *start;
   size_t len;

   if (!locate (text, &start, &len) || len >= size) {
      return false;
   }
   memcpy (out, start, len);
   out[len] = '\0';
   return true;
}
