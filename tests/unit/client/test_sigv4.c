/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/sigv4.h"
#include "tests/unit/client/vectors.h"

const char *const fg_suite_name = "client.sigv4";

/* Amazon's "AWS Signature Version 4 Test Suite", and the signed KMS requests of kms-message. */
static const char *const suite[] = {
   "get-header-key-duplicate",
   "get-header-value-multiline",
   "get-header-value-order",
   "get-header-value-trim",
   "get-unreserved",
   "get-utf8",
   "get-vanilla",
   "get-vanilla-empty-query-key",
   "get-vanilla-query",
   "get-vanilla-query-order-key",
   "get-vanilla-query-order-key-case",
   "get-vanilla-query-order-value",
   "get-vanilla-query-unreserved",
   "get-vanilla-utf8-query",
   "normalize-path/get-relative",
   "normalize-path/get-relative-relative",
   "normalize-path/get-slash",
   "normalize-path/get-slash-dot-slash",
   "normalize-path/get-slash-pointless-dot",
   "normalize-path/get-slashes",
   "normalize-path/get-space",
   "post-header-key-case",
   "post-header-key-sort",
   "post-header-value-case",
   "post-sts-token/post-sts-header-after",
   "post-sts-token/post-sts-header-before",
   "post-vanilla",
   "post-vanilla-empty-query-value",
   "post-vanilla-query",
   "post-x-www-form-urlencoded",
   "post-x-www-form-urlencoded-parameters",
};

#define HEADERS 32
typedef struct parsed {
   char *text;
   fg_http_header headers[HEADERS];
   fg_sigv4_request request;
} parsed;

/* A line that begins with a blank continues the header before it. */
static char *
parse_headers (parsed *p, char *line)
{
   while (line && *line && *line != '\n') {
      char *next = strchr (line, '\n');
      while (next && (next[1] == ' ' || next[1] == '\t')) {
         next = strchr (next + 1, '\n');
      }
      if (next) {
         *next = '\0';
      }
      char *colon = strchr (line, ':');
      CU_ASSERT_PTR_NOT_NULL_FATAL (colon);
      *colon = '\0';
      p->headers[p->request.n_headers++] = (fg_http_header){line, colon + 1};
      line = next ? next + 1 : NULL;
   }
   return line && *line == '\n' ? line + 1 : NULL;
}

static void
parse_request (parsed *p)
{
   char *line_end = strchr (p->text, '\n');

   CU_ASSERT_PTR_NOT_NULL_FATAL (line_end);
   *line_end = '\0';
   char *path = strchr (p->text, ' ');
   char *version = strrchr (p->text, ' ');
   CU_ASSERT_TRUE_FATAL (path && version > path);
   *path++ = '\0';
   *version = '\0';
   char *query = strchr (path, '?');
   if (query) {
      *query++ = '\0';
   }
   p->request.method = p->text;
   p->request.path = path;
   p->request.query = query;
   p->request.headers = p->headers;
   char *body = parse_headers (p, line_end + 1);
   p->request.body = (const uint8_t *)(body ? body : "");
   p->request.body_len = body ? strlen (body) : 0;
}

/* \r\n as \n. */
static char *
read_part (const char *name, const char *ext)
{
   char path[300];
   const char *last = strrchr (name, '/');
   size_t len = 0;
   size_t n = 0;

   snprintf (path, sizeof path, "kms-sigv4/aws-sig-v4-test-suite/%s/%s.%s", name, last ? last + 1 : name, ext);
   char *text = vector_read (path, &len);
   for (size_t i = 0; text && i < len; i++) {
      if (text[i] != '\r') {
         text[n++] = text[i];
      }
   }
   if (text) {
      text[n] = '\0';
   }
   return text;
}

static bool
equals (const fg_buf *buf, const char *want)
{
   return !buf->failed && buf->len == strlen (want) && memcmp (buf->data, want, buf->len) == 0;
}

static void
one_case (const char *name)
{
   static const fg_sigv4_credentials credentials = {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                                                    "us-east-1", "service"};
   parsed p = {.text = read_part (name, "req")};
   char *creq = read_part (name, "creq");
   char *sts = read_part (name, "sts");
   char *authz = read_part (name, "authz");
   fg_buf canonical = {0};
   fg_buf to_sign = {0};
   fg_buf authorization = {0};

   CU_ASSERT_TRUE_FATAL (p.text && creq && sts && authz);
   parse_request (&p);
   fg_sigv4_canonical_request (&p.request, &canonical);
   fg_sigv4_string_to_sign (&p.request, &credentials, "20150830T123600Z", &to_sign);
   CU_ASSERT_TRUE (fg_sigv4_authorization (&p.request, &credentials, "20150830T123600Z", &authorization, NULL));
   if (!equals (&canonical, creq) || !equals (&to_sign, sts) || !equals (&authorization, authz)) {
      fprintf (stderr, "sigv4 %s:\n%.*s\n", name, (int)canonical.len, (const char *)canonical.data);
      CU_FAIL ("differs");
   }
   fg_buf_free (&canonical);
   fg_buf_free (&to_sign);
   fg_buf_free (&authorization);
   free (p.text);
   free (creq);
   free (sts);
   free (authz);
}

static void
test_suite (void)
{
   char *probe = read_part ("get-vanilla", "req");

   if (!probe) {
      fg_test_skip ("no vectors here");
   }
   for (size_t i = 0; probe && i < sizeof suite / sizeof suite[0]; i++) {
      one_case (suite[i]);
   }
   CU_PASS ("all compared");
   free (probe);
}

static void
test_date (void)
{
   char date[FG_SIGV4_DATE_LEN];

   fg_sigv4_date (1440938160, date);
   CU_ASSERT_STRING_EQUAL (date, "20150830T123600Z");
}

const fg_test fg_tests[] = {
   {"suite", test_suite},
   {"date", test_date},
   {NULL, NULL},
};
