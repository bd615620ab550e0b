/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Instance
 *
 * One gateway may have several identities: iotlinkd@NAME.service reads NAME.conf beside the usual
 * iotlinkd.conf. Its socket and its state are its own without a word in the file, whoever reads it.
 */

#include "settings/draft.h"
#include "util/macro.h"

/* The defaults of local.socket and local.state for the file @path; what was written, or is named by
 * $STATE_DIRECTORY, stays. Returns 0 or -ENOMEM. */
_warn_unused_ int instance_defaults(Draft *draft, const char *path);
