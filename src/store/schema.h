/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Schema
 *
 * The tables: made, recognized, brought up to date. Results as in database.h.
 */

#include "store/database.h"

_warn_unused_ int schema_create(Database *db);

/* DATABASE_CORRUPT when it is not one of ours. One that an older version made is changed in place,
 * in one transaction, in memory that does not grow with it; 10 million messages take some 10 s. */
_warn_unused_ int schema_check(Database *db);
