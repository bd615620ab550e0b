/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What becomes of the store, in words.
 */

#include "store/store.h"

/* The file was damaged and set aside; nothing when @info does not say so. */
void log_store_set_aside(const StoreInfo *info);
