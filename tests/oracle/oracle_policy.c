#include "tests/oracle/oracle.h"
oracle_policy *
oracle_policy_new (const bson_t *options)
{
   (void)options;
   return NULL;
}
void
oracle_policy_free (oracle_policy *policy)
{
   (void)policy;
}
fg_check
oracle_policy_check (const oracle_policy *policy, const bson_t *doc, fg_phase phase, bool strict)
{
   (void)policy;
   (void)doc;
   (void)phase;
   (void)strict;
   return FG_CHECK_OK;
}
