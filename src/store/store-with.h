/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * store_open() for tests: through a SQLite VFS that fails on command, with less patience.
 */

#include "store/store.h"

_warn_unused_ int store_open_with(Store **ret,
                                  const char *directory,
                                  const StoreLimits *limits,
                                  const char *vfs,
                                  uint64_t retry_usec,
                                  StoreInfo *ret_info);
