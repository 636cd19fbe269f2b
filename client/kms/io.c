/* SPDX-License-Identifier: Apache-2.0 */
#include "client/kms/kms.h"
const fg_kms_io fg_kms_real_io = {0};
