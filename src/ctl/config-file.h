/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ctl/options.h"
#include "settings/settings.h"

/*
 * Reads a configuration; @path NULL: the default one. Returns 0, or EXIT_FAILED after every error
 * has been printed: a line each to stderr; with --json as {"ok":false,"errors":[...]} to stdout.
 */
_warn_unused_ int config_file_load(const Options *options, const char *path, Settings **ret);
