/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts/fieldguardd/commands/absent.h"

/*
 * Commands that mongod has and this server does not: refused as what they are (115 CommandNotSupported), not as names that nobody knows (59). Those that would write,
 * or carry a collection away from its rules, stand here too: what is not offered needs no guard.
 */

void
fgd_run_absent (fgd_request *request, fgd_reply *reply)
{
   fg_error_set (&reply->error, FG_ERROR_SERVER, 115, NULL, "%s is not supported by this server", request->name);
}

#define ABSENT(name_)                                                                                                  \
   {                                                                                                                   \
      name_, FGD_RUN_INLINE, fgd_run_absent                                                                            \
   }
#define ABSENT_ADMIN(name_)                                                                                            \
   {                                                                                                                   \
      name_, FGD_RUN_INLINE | FGD_ADMIN_ONLY, fgd_run_absent                                                           \
   }

const fgd_command fgd_commands_absent[] = {
   ABSENT ("analyze"),
   ABSENT ("applyOps"),
   ABSENT ("cloneCollectionAsCapped"),
   ABSENT ("compact"),
   ABSENT ("compactStructuredEncryptionData"),
   ABSENT ("cleanupStructuredEncryptionData"),
   ABSENT ("connPoolStats"),
   ABSENT ("convertToCapped"),
   ABSENT ("createRole"),
   ABSENT ("createSearchIndexes"),
   ABSENT ("createUser"),
   ABSENT_ADMIN ("currentOp"),
   ABSENT ("dbHash"),
   ABSENT ("dbhash"),
   ABSENT ("dropAllRolesFromDatabase"),
   ABSENT ("dropAllUsersFromDatabase"),
   ABSENT_ADMIN ("dropConnections"),
   ABSENT ("dropRole"),
   ABSENT ("dropSearchIndex"),
   ABSENT ("dropUser"),
   ABSENT ("filemd5"),
   ABSENT_ADMIN ("fsync"),
   ABSENT_ADMIN ("fsyncUnlock"),
   ABSENT_ADMIN ("getAuditConfig"),
   ABSENT_ADMIN ("getClusterParameter"),
   ABSENT_ADMIN ("getDefaultRWConcern"),
   ABSENT ("grantPrivilegesToRole"),
   ABSENT ("grantRolesToRole"),
   ABSENT ("grantRolesToUser"),
   ABSENT_ADMIN ("killOp"),
   ABSENT_ADMIN ("lockInfo"),
   ABSENT ("mapReduce"),
   ABSENT ("mapreduce"),
   ABSENT ("planCacheClear"),
   ABSENT ("planCacheClearFilters"),
   ABSENT ("planCacheListFilters"),
   ABSENT ("planCacheSetFilter"),
   ABSENT ("profile"),
   ABSENT ("reIndex"),
   ABSENT ("revokePrivilegesFromRole"),
   ABSENT ("revokeRolesFromRole"),
   ABSENT ("revokeRolesFromUser"),
   ABSENT ("rolesInfo"),
   ABSENT_ADMIN ("rotateCertificates"),
   ABSENT_ADMIN ("setAuditConfig"),
   ABSENT_ADMIN ("setClusterParameter"),
   ABSENT_ADMIN ("setDefaultRWConcern"),
   ABSENT_ADMIN ("setFeatureCompatibilityVersion"),
   ABSENT ("setIndexCommitQuorum"),
   ABSENT_ADMIN ("top"),
   ABSENT ("updateRole"),
   ABSENT ("updateSearchIndex"),
   ABSENT ("updateUser"),
   ABSENT ("usersInfo"),
   ABSENT ("validateDBMetadata"),
   {NULL, 0, NULL},
};
