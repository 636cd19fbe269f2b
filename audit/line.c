/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/internal.h"

#include <stdio.h>
#include <time.h>

#define SEQ_MARK ",\"seq\":"
#define MAC_MARK ",\"mac\":\""
#define MAC_TAIL_LEN (sizeof MAC_MARK - 1 + 2 * FG_AUDIT_MAC_LEN + 2) /* ,"mac":"<hex>"} */

void
fg_audit_timestamp (char *buf, size_t len)
{
   struct timespec now;
   struct tm utc;
   char seconds[32];

   clock_gettime (CLOCK_REALTIME, &now);
   gmtime_r (&now.tv_sec, &utc);
   strftime (seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &utc);
   snprintf (buf, len, "%s.%03ldZ", seconds, now.tv_nsec / 1000000);
}

/* --- a cursor over text that may be hostile ------------------------------------------------------------------------------ */

typedef struct cursor {
   const char *at;
   const char *end;
} cursor;

static bool
literal (cursor *c, const char *text)
{
   size_t n = strlen (text);

   if ((size_t)(c->end - c->at) < n || memcmp (c->at, text, n) != 0) {
      return false;
   }
   c->at += n;
   return true;
}

static bool
number (cursor *c, uint64_t *out)
{
   uint64_t value = 0;
   const char *start = c->at;

   while (c->at < c->end && *c->at >= '0' && *c->at <= '9') {
      unsigned digit = (unsigned)(*c->at - '0');
      if (c->at - start == 19) {
         return false;
      }
      value = value * 10 + digit;
      c->at++;
   }
   *out = value;
   return c->at > start;
}

static bool
hex (cursor *c, uint8_t *out, size_t n)
{
   if ((size_t)(c->end - c->at) < 2 * n || !fg_audit_unhex (c->at, out, n)) {
      return false;
   }
   c->at += 2 * n;
   return true;
}

static bool
boolean (cursor *c, bool *out)
{
   *out = literal (c, "true");
   return *out || literal (c, "false");
}

/* --- any line ---------------------------------------------------------------------------------------------------------- */

/* The numbers are read from the line's end: members before them are free text. */
bool
fg_audit_line_parse (const char *line, size_t len, fg_audit_line *out)
{
   if (len < MAC_TAIL_LEN + sizeof SEQ_MARK + 1 || line[0] != '{') {
      return false;
   }
   out->covered = len - MAC_TAIL_LEN;
   cursor tail = {line + out->covered, line + len};
   if (!literal (&tail, MAC_MARK) || !hex (&tail, out->mac, sizeof out->mac) || !literal (&tail, "\"}")) {
      return false;
   }
   size_t digits = out->covered;
   while (digits > 0 && line[digits - 1] >= '0' && line[digits - 1] <= '9') {
      digits--;
   }
   if (digits < sizeof SEQ_MARK) {
      return false;
   }
   cursor mark = {line + digits - (sizeof SEQ_MARK - 1), line + out->covered};
   if (!literal (&mark, SEQ_MARK) || !number (&mark, &out->seq)) {
      return false;
   }
   cursor head = {line, line + out->covered};
   out->closing = literal (&head, "{" FG_AUDIT_CLOSE_PREFIX);
   return true;
}

/* --- opening and closing ------------------------------------------------------------------------------------------------ */

#define NOBODY "\"local\":{},\"remote\":{},\"users\":[],\"roles\":[],"

static void
format_time (fg_buf *fields)
{
   char ts[40];

   fg_audit_timestamp (ts, sizeof ts);
   fg_buf_printf (fields, "\"ts\":{\"$date\":\"%s\"},", ts);
}

void
fg_audit_opening_format (const fg_audit_state *state, fg_buf *fields)
{
   char mac[2 * FG_AUDIT_MAC_LEN + 1];
   char id[2 * FG_AUDIT_KEY_ID_LEN + 1];

   fg_audit_hex (state->previous.mac, FG_AUDIT_MAC_LEN, mac);
   fg_audit_hex (state->key.id, FG_AUDIT_KEY_ID_LEN, id);
   fg_buf_append_str (fields, FG_AUDIT_OPEN_PREFIX);
   format_time (fields);
   fg_buf_append_str (fields, NOBODY);
   fg_buf_printf (fields,
                  "\"param\":{\"version\":1,\"file\":%llu,\"keyed\":%s,\"keyId\":\"%s\",\"previous\":{\"mac\":\"%s\","
                  "\"seq\":%llu,\"closed\":%s,\"torn\":%llu}},\"result\":0",
                  (unsigned long long)state->file, state->key.keyed ? "true" : "false", id, mac,
                  (unsigned long long)state->previous.seq, state->previous.closed ? "true" : "false",
                  (unsigned long long)state->previous.torn);
}

void
fg_audit_closing_format (fg_buf *fields)
{
   fg_buf_append_str (fields, FG_AUDIT_CLOSE_PREFIX);
   format_time (fields);
   fg_buf_append_str (fields, NOBODY "\"param\":{},\"result\":0");
}

/* The time is the only member of free length, and it holds no quote. */
static bool
skip_time (cursor *c)
{
   if (!literal (c, "\"ts\":{\"$date\":\"")) {
      return false;
   }
   while (c->at < c->end && *c->at != '"') {
      c->at++;
   }
   return literal (c, "\"},");
}

bool
fg_audit_opening_parse (const char *line, size_t len, fg_audit_opening *out)
{
   cursor c = {line, line + len};

   return literal (&c, "{" FG_AUDIT_OPEN_PREFIX) && skip_time (&c) && literal (&c, NOBODY) &&
          literal (&c, "\"param\":{\"version\":1,\"file\":") && number (&c, &out->file) &&
          literal (&c, ",\"keyed\":") && boolean (&c, &out->keyed) && literal (&c, ",\"keyId\":\"") &&
          hex (&c, out->key_id, sizeof out->key_id) && literal (&c, "\",\"previous\":{\"mac\":\"") &&
          hex (&c, out->previous.mac, sizeof out->previous.mac) && literal (&c, "\",\"seq\":") &&
          number (&c, &out->previous.seq) && literal (&c, ",\"closed\":") && boolean (&c, &out->previous.closed) &&
          literal (&c, ",\"torn\":") && number (&c, &out->previous.torn) && literal (&c, "}},\"result\":0,");
}
