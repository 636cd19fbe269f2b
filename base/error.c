/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#undef fg_error_set
#undef fg_error_set_errno

/* Cuts text at the last UTF-8 character boundary at or before its end: vsnprintf may have cut in the middle of one. */
static void
trim_partial_utf8 (char *text, size_t len)
{
   size_t start = len;

   while (start > 0 && ((uint8_t)text[start - 1] & 0xC0) == 0x80) {
      start--;
   }
   if (start == 0) {
      return;
   }
   uint8_t lead = (uint8_t)text[start - 1];
   size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
   if (len - (start - 1) < want) {
      text[start - 1] = '\0';
   }
}

static void format_bounded (char *out, size_t size, const char *format, va_list args) FG_PRINTF (3, 0);

static void
format_bounded (char *out, size_t size, const char *format, va_list args)
{
   int n = vsnprintf (out, size, format, args);

   if (n < 0) {
      out[0] = '\0';
   } else if ((size_t)n >= size) {
      trim_partial_utf8 (out, size - 1);
   }
}

static void
set_path (fg_error *err, const char *path)
{
   size_t n = path ? strlen (path) : 0;

   if (n >= sizeof err->path) {
      n = sizeof err->path - 1;
   }
   if (n) {
      memcpy (err->path, path, n);
   }
   err->path[n] = '\0';
   if (path && n == sizeof err->path - 1) {
      trim_partial_utf8 (err->path, n);
   }
}

bool
fg_error_set (fg_error *err, fg_error_domain domain, int32_t code, const char *path, const char *format, ...)
{
   if (!err) {
      return false;
   }
   va_list args;
   va_start (args, format);
   format_bounded (err->message, sizeof err->message, format, args);
   va_end (args);
   err->domain = domain;
   err->code = code;
   set_path (err, path);
   return false;
}

static int32_t
code_of_errno (int errnum)
{
   switch (errnum) {
   case ENOSPC:
   case EDQUOT:
      return FG_E_NO_SPACE;
   case ENOENT:
      return FG_E_NOT_FOUND;
   case EACCES:
   case EPERM:
      return FG_E_DENIED;
   case ENOMEM:
      return FG_E_NOMEM;
   default:
      return FG_E_IO;
   }
}

bool
fg_error_set_errno (fg_error *err, int errnum, const char *path, const char *format, ...)
{
   if (!err) {
      return false;
   }
   va_list args;
   va_start (args, format);
   format_bounded (err->message, sizeof err->message, format, args);
   va_end (args);
   char reason[128];
   size_t used = strlen (err->message);
   snprintf (err->message + used, sizeof err->message - used, ": %s", strerror_r (errnum, reason, sizeof reason));
   err->domain = FG_ERROR_SYSTEM;
   err->code = code_of_errno (errnum);
   set_path (err, path);
   return false;
}

void
fg_error_clear (fg_error *err)
{
   if (err) {
      memset (err, 0, sizeof *err);
   }
}

/* Names as mongod prints them in codeName. A code without one reads Location<code>, as most from 10000 on do. */
static const struct {
   int32_t code;
   const char *name;
} code_names[] = {
   {0, "OK"},
   {1, "InternalError"},
   {2, "BadValue"},
   {4, "NoSuchKey"},
   {6, "HostUnreachable"},
   {8, "UnknownError"},
   {9, "FailedToParse"},
   {11, "UserNotFound"},
   {13, "Unauthorized"},
   {14, "TypeMismatch"},
   {15, "Overflow"},
   {16, "InvalidLength"},
   {17, "ProtocolError"},
   {18, "AuthenticationFailed"},
   {20, "IllegalOperation"},
   {22, "InvalidBSON"},
   {23, "AlreadyInitialized"},
   {26, "NamespaceNotFound"},
   {27, "IndexNotFound"},
   {28, "PathNotViable"},
   {34, "CannotBackfillArray"},
   {40, "ConflictingUpdateOperators"},
   {43, "CursorNotFound"},
   {47, "NoMatchingDocument"},
   {48, "NamespaceExists"},
   {50, "MaxTimeMSExpired"},
   {52, "DollarPrefixedFieldName"},
   {53, "InvalidIdField"},
   {54, "NotSingleValueField"},
   {55, "InvalidDBRef"},
   {56, "EmptyFieldName"},
   {57, "DottedFieldName"},
   {59, "CommandNotFound"},
   {61, "ShardKeyNotFound"},
   {64, "WriteConcernTimeout"},
   {66, "ImmutableField"},
   {67, "CannotCreateIndex"},
   {68, "IndexAlreadyExists"},
   {72, "InvalidOptions"},
   {73, "InvalidNamespace"},
   {76, "NoReplicationEnabled"},
   {79, "UnknownReplWriteConcern"},
   {85, "IndexOptionsConflict"},
   {86, "IndexKeySpecsConflict"},
   {89, "NetworkTimeout"},
   {91, "ShutdownInProgress"},
   {95, "NotSecondary"},
   {96, "OperationFailed"},
   {100, "UnsatisfiableWriteConcern"},
   {111, "NotExactValueField"},
   {112, "WriteConflict"},
   {115, "CommandNotSupported"},
   {116, "DocTooLargeForCapped"},
   {117, "ConflictingOperationInProgress"},
   {118, "NamespaceNotSharded"},
   {121, "DocumentValidationFailure"},
   {123, "NotAReplicaSet"},
   {125, "CommandFailed"},
   {136, "CappedPositionLost"},
   {143, "CursorInUse"},
   {146, "ExceededMemoryLimit"},
   {165, "ViewDepthLimitExceeded"},
   {166, "CommandNotSupportedOnView"},
   {167, "OptionNotSupportedOnView"},
   {168, "InvalidPipelineOperator"},
   {171, "CannotIndexParallelArrays"},
   {175, "QueryPlanKilled"},
   {197, "InvalidIndexSpecificationOption"},
   {201, "CannotBuildIndexKeys"},
   {206, "NoSuchSession"},
   {207, "InvalidUUID"},
   {211, "KeyNotFound"},
   {217, "IncompleteTransactionHistory"},
   {223, "IllegalOpMsgFlag"},
   {224, "QueryFeatureNotAllowed"},
   {225, "TransactionTooOld"},
   {226, "AtomicityFailure"},
   {237, "CursorKilled"},
   {238, "NotImplemented"},
   {241, "ConversionFailure"},
   {242, "CannotCreateCollection"},
   {246, "SnapshotUnavailable"},
   {251, "NoSuchTransaction"},
   {256, "TransactionCommitted"},
   {257, "TransactionTooLarge"},
   {261, "TooManyLogicalSessions"},
   {262, "ExceededTimeLimit"},
   {263, "OperationNotSupportedInTransaction"},
   {279, "ClientDisconnect"},
   {280, "ChangeStreamFatalError"},
   {290, "TransactionExceededLifetimeLimitSeconds"},
   {291, "NoQueryExecutionPlans"},
   {292, "QueryExceededMemoryLimitNoDiskUseAllowed"},
   {322, "APIVersionError"},
   {323, "APIStrictError"},
   {334, "MechanismUnavailable"},
   {352, "UnsupportedOpQueryCommand"},
   {9001, "SocketException"},
   {10107, "NotWritablePrimary"},
   {10334, "BSONObjectTooLarge"},
   {11000, "DuplicateKey"},
   {11600, "InterruptedAtShutdown"},
   {11601, "Interrupted"},
   {13113, "MergeStageNoMatchingDocument"},
   {14031, "OutOfDiskSpace"},
   {40413, "IDLDuplicateField"},
   {40414, "IDLFailedToParse"},
   {40415, "IDLUnknownField"},
   {50768, "NotARetryableWriteCommand"},
};

const char *
fg_server_code_name (int32_t code, char *buf, size_t buf_len)
{
   for (size_t i = 0; i < sizeof code_names / sizeof code_names[0]; i++) {
      if (code_names[i].code == code) {
         return code_names[i].name;
      }
   }
   if (!buf || buf_len == 0) {
      return "";
   }
   snprintf (buf, buf_len, "Location%d", (int)code);
   return buf;
}
