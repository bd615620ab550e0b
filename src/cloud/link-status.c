/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/link-status.h"

#include <stddef.h>

const char *link_state_to_string(LinkState state) {
        static const char *const words[_LINK_STATE_MAX] = {
                        [LINK_OFFLINE] = "offline", [LINK_CONNECTING] = "connecting",
                        [LINK_ONLINE] = "online",   [LINK_STOPPING] = "stopping",
                        [LINK_STOPPED] = "stopped",
        };

        return state < _LINK_STATE_MAX ? words[state] : NULL;
}
