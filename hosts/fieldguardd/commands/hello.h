/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FGD_HELLO_H
#define FGD_HELLO_H

#include "hosts/fieldguardd/server.h"

void fgd_run_hello (fgd_request *request, fgd_reply *reply);

#endif /* FGD_HELLO_H */
