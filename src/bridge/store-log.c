/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/store-log.h"

#include <inttypes.h>
#include <stdio.h>

#include "util/log.h"

void log_store_set_aside(const StoreInfo *info) {
        const LogField fields[] = {{"FILE", info->set_aside_as}};
        char lost[96] = "how many messages were in it can't be told";

        if (!info->set_aside)
                return;
        if (info->lost_known)
                (void)snprintf(lost, sizeof(lost),
                               "%" PRIu64 " messages for the cloud and %" PRIu64
                               " for programs were in it",
                               info->lost_spooled, info->lost_incoming);
        log_event(LOG_EVENT_STORE_SET_ASIDE, fields, ARRAY_SIZE(fields),
                  "The store could not be used (%s) and %s%s; a new one was made. %s. Check the "
                  "disk",
                  info->problem, info->set_aside_as[0] ? "was renamed to " : "is gone",
                  info->set_aside_as, lost);
}
