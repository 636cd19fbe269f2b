/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/policy/policy_test.h"

#include <pthread.h>

/* Memory: what a check must not ask for, and what compiling does when there is none. Threads. */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define INTERPOSE 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define INTERPOSE 0
#endif
#endif
#ifndef INTERPOSE
#define INTERPOSE 1
#endif

#if INTERPOSE
extern void *__libc_malloc (size_t n);
extern void *__libc_calloc (size_t n, size_t size);
extern void *__libc_realloc (void *p, size_t n);
extern void *__libc_memalign (size_t alignment, size_t n);

static _Thread_local long allocations;
static _Thread_local long fail_at; /* 0: never */

static bool
fails (void)
{
   allocations++;
   return fail_at > 0 && --fail_at == 0;
}

void *
malloc (size_t n)
{
   return fails () ? NULL : __libc_malloc (n);
}

void *
calloc (size_t n, size_t size)
{
   return fails () ? NULL : __libc_calloc (n, size);
}

void *
realloc (void *p, size_t n)
{
   return fails () ? NULL : __libc_realloc (p, n);
}

void *
aligned_alloc (size_t alignment, size_t n)
{
   return fails () ? NULL : __libc_memalign (alignment, n);
}
#endif

#define RULES                                                                                                          \
   SCHEMA ("{'anyOf':[{'properties':{'s':" ENCRYPT_K1 "}},{'properties':{'s':" ENCRYPT_K2 "}}],'properties':{'a':{"    \
           "'items':[{'encrypt':{}}],'additionalItems':{'properties':{'d.e':{'encrypt':{}}}}}},'patternProperties':{"  \
           "'^enc_':{'encrypt':{}},'_x$':{'encrypt':{'bsonType':'string'}}},'additionalProperties':{'properties':{"    \
           "'in':{'encrypt':{}}}}}")
#define DOC                                                                                                            \
   "{'_id':1,'s':'@2 1 2 82','a':['@2 1 2 82',{'d':{'e':'@2 1 2 82'}}],'enc_1':'@2 1 2 82','enc_x':'@2 1 2 82',"       \
   "'other':{'in':'@2 1 2 82'}}"

static void
a_check_allocates_nothing (void)
{
#if INTERPOSE
   fg_policy *policy = compile (RULES);
   bson_t *doc = doc_of (DOC), *bad = doc_of ("{'enc_1':'plain'}");
   fg_error err = {0};

   long before = allocations;
   CU_ASSERT_EQUAL (fg_policy_check (policy, bson_get_data (doc), doc->len, FG_PHASE_STORED, &err), FG_CHECK_OK);
   CU_ASSERT_EQUAL (fg_policy_check (policy, bson_get_data (bad), bad->len, FG_PHASE_STORED, &err), FG_CHECK_VIOLATION);
   CU_ASSERT_EQUAL (fg_policy_check (policy, bson_get_data (doc), doc->len - 1, FG_PHASE_STORED, &err), FG_CHECK_ERROR);
   CU_ASSERT_EQUAL (allocations - before, 0);
   bson_destroy (doc);
   bson_destroy (bad);
   fg_policy_free (policy);
#else
   fg_test_skip ("allocations belong to the sanitizer here");
#endif
}

/* Each allocation of a compilation fails in turn: an error or, where PCRE2 can do without, a policy that works. */
static void
every_failing_allocation_is_an_error (void)
{
#if INTERPOSE
   bson_t *options = doc_of (RULES), *doc = doc_of (DOC), *bad = doc_of ("{'enc_1':'plain'}");
   const uint8_t *bytes = bson_get_data (options);
   size_t len = options->len;
   long failed = 0;

   for (long n = 1;; n++) {
      fg_error err = {0};
      fail_at = n;
      fg_policy *policy = fg_policy_compile (&bytes, &len, 1, NULL, &err);
      bool reached = fail_at == 0;
      fail_at = 0;
      if (policy) {
         CU_ASSERT_EQUAL (reason_of_bytes (policy, bson_get_data (doc), doc->len, FG_PHASE_STORED), FG_REASON_NONE);
         CU_ASSERT_EQUAL (reason_of_bytes (policy, bson_get_data (bad), bad->len, FG_PHASE_STORED),
                          FG_REASON_NOT_ENCRYPTED);
      } else {
         CU_ASSERT_NOT_EQUAL (err.domain, FG_ERROR_NONE);
         failed++;
      }
      fg_policy_free (policy);
      if (!reached) {
         break;
      }
   }
   CU_ASSERT_TRUE (failed > 20);
   bson_destroy (options);
   bson_destroy (doc);
   bson_destroy (bad);
#else
   fg_test_skip ("allocations belong to the sanitizer here");
#endif
}

static void
coverage_without_memory_is_no (void)
{
#if INTERPOSE
   fg_policy *policy = compile (RULES);
   char path[32];

   fail_at = 1;
   CU_ASSERT_FALSE (fg_policy_covers (policy, policy, path, sizeof path));
   fail_at = 0;
   CU_ASSERT_TRUE (fg_policy_covers (policy, policy, path, sizeof path));
   fg_policy_free (policy);
#else
   fg_test_skip ("allocations belong to the sanitizer here");
#endif
}

typedef struct shared {
   const fg_policy *policy;
   const bson_t *good;
   const bson_t *bad;
   long wrong;
} shared;

static void *
check_many (void *arg)
{
   shared *self = arg;

   for (int i = 0; i < 2000; i++) {
      self->wrong += fg_policy_check (self->policy, bson_get_data (self->good), self->good->len, FG_PHASE_STORED,
                                      NULL) != FG_CHECK_OK;
      self->wrong += fg_policy_check (self->policy, bson_get_data (self->bad), self->bad->len, FG_PHASE_STORED, NULL) !=
                     FG_CHECK_VIOLATION;
   }
   return NULL;
}

static void
threads_share_a_policy (void)
{
   fg_policy *policy = compile (RULES);
   bson_t *doc = doc_of (DOC), *bad = doc_of ("{'enc_1':'plain'}");
   pthread_t threads[4];
   shared all[4];

   for (size_t i = 0; i < 4; i++) {
      all[i] = (shared){policy, doc, bad, 0};
      CU_ASSERT_EQUAL_FATAL (pthread_create (threads + i, NULL, check_many, all + i), 0);
   }
   for (size_t i = 0; i < 4; i++) {
      pthread_join (threads[i], NULL);
      CU_ASSERT_EQUAL (all[i].wrong, 0);
   }
   bson_destroy (doc);
   bson_destroy (bad);
   fg_policy_free (policy);
}

static void
older_option_structs_are_read (void)
{
   fg_policy_options options = FG_POLICY_OPTIONS_INIT;
   fg_error err = {0};

   options.size = offsetof (fg_policy_options, max_depth);
   options.max_depth = 1; /* beyond the size: not read */
   fg_policy *policy = compile_with (PROPERTY ("a", "{'encrypt':{}}"), &options, &err);
   CU_ASSERT_PTR_NOT_NULL (policy);
   fg_policy_free (policy);
   options.size = sizeof options;
   CU_ASSERT_PTR_NULL (compile_with (PROPERTY ("a", "{'encrypt':{}}"), &options, &err));
   CU_ASSERT_EQUAL (err.code, FG_E_TOO_DEEP);
   fg_policy_free (NULL);
}

const char *const fg_suite_name = "policy.policy";
const fg_test fg_tests[] = {{"a_check_allocates_nothing", a_check_allocates_nothing},
                            {"every_failing_allocation_is_an_error", every_failing_allocation_is_an_error},
                            {"coverage_without_memory_is_no", coverage_without_memory_is_no},
                            {"threads_share_a_policy", threads_share_a_policy},
                            {"older_option_structs_are_read", older_option_structs_are_read},
                            {NULL, NULL}};
