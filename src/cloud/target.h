/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * An owned copy of a TransportTarget, for the thread that connects.
 */

#include "cloud/transport.h"

_warn_unused_ int target_copy(const TransportTarget *target, TransportTarget *ret);

/* Frees a copy and wipes its secrets; an all-zero target is fine. */
void target_done(TransportTarget *copy);
